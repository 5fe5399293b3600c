"""Models with tasks in files for other programs: the number of the task is an input."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from tests.few_forms import few_forms

import polytask
from polytask.core import DataWarning
from polytask.estimators import table_export
from polytask.models import TaskTableModel

__all__ = ["few_forms"]

N_TASKS = 12


def rows(n_tasks: int = N_TASKS, *, start: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(start)
    shop = start + np.repeat(np.arange(n_tasks), 12)
    level, x = draw.normal(size=n_tasks)[shop - start], draw.normal(size=len(shop))
    noise = draw.normal(size=(2, len(shop)))
    return pd.DataFrame(
        {
            "shop": shop,
            "x": x,
            "sold": np.exp(2 * level + x + 0.1 * noise[0]),
            "kind": np.select([level + noise[1] < -0.5, level + noise[1] > 0.5], ["low", "high"], "mid"),
            "often": np.where(level + 0.3 * noise[1] > 0, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def model() -> TaskTableModel:
    targets = ["sold:log", "kind", "often"]
    fitted = polytask.fit(
        rows(), targets, task_column="shop", epochs=1, folds=2, width=3, depth=1, bins=2, baselines=False
    )
    assert all(known.prior is not None for known in fitted.target_tasks)
    return fitted.adapt(rows(1, start=50).head(3))


@pytest.mark.parametrize("ending", ["pt2", "onnx"])
def test_an_export_answers_known_and_unknown_tasks_as_the_model(model, tmp_path, ending):
    if ending == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    written = model.export(tmp_path / f"m.{ending}")
    asked = pd.concat([rows(), rows(1, start=50), rows(1, start=70)])
    with pytest.warns(DataWarning, match="not known"):
        expected = model.predict(asked)
    told = json.loads(written.with_suffix(".json").read_text())["task_input"]
    assert (told["name"], told["column"]) == ("task", "shop")
    number = {name: index for index, name in enumerate(told["tasks"])}
    codes = [number.get(str(shop), told["other"]) for shop in asked["shop"]]
    features, _ = model.pooled.encoder.transform(asked)
    given = {"features": features, "task": torch.tensor(codes)}
    if ending == "pt2":
        found = torch.export.load(written).module()(*given.values())
    else:
        found = table_export._run_onnx(written.read_bytes(), given)
    columns = [
        ["sold"],
        *([name for name in expected if name.startswith(f"{one}:p")] for one in ("kind", "often")),
    ]
    for names, theirs in zip(columns, found, strict=True):
        theirs = np.asarray(theirs.detach()).reshape(len(asked), -1)
        np.testing.assert_allclose(theirs, expected[names].to_numpy(), rtol=1e-4, atol=1e-6)


def test_a_model_whose_tasks_do_not_differ_is_exported_too(model, tmp_path):
    known = [type(one).unknown(one.target, None) for one in model.target_tasks]
    alike = TaskTableModel(model.pooled, "shop", type(model.names)([]), known)
    written = alike.export(tmp_path / "m.pt2")
    features, _ = model.pooled.encoder.transform(rows())
    sold, *_ = torch.export.load(written).module()(features, torch.zeros(len(features), dtype=torch.long))
    np.testing.assert_allclose(sold.detach(), model.pooled.predict(rows())["sold"], rtol=1e-4)
