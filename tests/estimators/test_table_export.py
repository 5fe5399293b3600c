"""The networks of a table model in files for other programs."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import BundleError, InputError, MissingPackageError
from polytask.data import TableEncoder
from polytask.estimators import table_export
from polytask.estimators.exported_networks import ExportedNetworks
from polytask.models import TableModel

TARGETS = ["size", "flag", "band:multiclass"]


def rows(n_rows: int = 60, seed: int = 0) -> pd.DataFrame:
    x = np.random.default_rng(seed).normal(size=(n_rows, 2))
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(size=1e5 + 300 * x[:, 0], flag=x[:, 1] > 0)
    return frame.assign(band=(x[:, 0] > 0).astype(int) + (x[:, 1] > 0), colour=["red", "blue", None] * 20)


@pytest.fixture(scope="module")
def model() -> TableModel:
    settings: dict[str, Any] = {"folds": 2, "epochs": 1, "width": 3, "depth": 1, "bins": 2}
    fitted = polytask.fit(rows(), TARGETS, baselines=False, **settings)
    assert fitted.calibration is not None
    warm = replace(fitted.calibration.targets["flag"], temperature=2.5)
    targets = {**fitted.calibration.targets, "flag": warm}
    fitted.calibration = replace(fitted.calibration, targets=targets)
    return fitted


@pytest.fixture(scope="module")
def written(model: TableModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.export(tmp_path_factory.mktemp("exported") / "m.pt2")


def _predicted(model: TableModel, frame: pd.DataFrame) -> list[np.ndarray]:
    found = model.predict(frame)
    names = [[name for name in found if name.startswith(f"{target}:p")] for target in ("flag", "band")]
    return [found["size"].to_numpy(), *(found[several].to_numpy() for several in names)]


def test_an_exported_program_predicts_as_the_model(model, written) -> None:
    before, new = model.predict(rows()), rows(seed=1)
    features, _ = model.encoder.transform(new)
    outputs = torch.export.load(written).module()(features)
    for ours, theirs in zip(_predicted(model, new), outputs, strict=True):
        np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=1e-6, atol=1e-5)
    pd.testing.assert_frame_equal(model.predict(rows()), before)


def test_networks_without_temperatures_answer_as_trained(model) -> None:
    size, *_ = ExportedNetworks(model.learner, model.targets)(model.encoder.transform(rows())[0])
    np.testing.assert_allclose(size.detach().numpy(), model.predict(rows())["size"], rtol=1e-6)


def test_the_file_beside_is_enough_to_encode_rows(model, written) -> None:
    beside = json.loads(written.with_suffix(".json").read_text())
    assert beside["input"]["features"] == list(model.encoder.feature_names)
    assert [output["name"] for output in beside["outputs"]] == ["size", "flag", "band"]
    assert beside["outputs"][2]["classes"] == ["0", "1", "2"]
    encoder = TableEncoder.from_json(beside["encoder"])
    assert torch.equal(encoder.transform(rows())[0], model.encoder.transform(rows())[0])


def test_onnx_predicts_as_the_model(model, tmp_path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    written = model.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(written, providers=["CPUExecutionProvider"])
    new = rows(seed=2)
    features, _ = model.encoder.transform(new)
    assert [output.name for output in session.get_outputs()] == ["size", "flag", "band"]
    outputs = session.run(None, {"features": features.numpy()})
    for ours, theirs in zip(_predicted(model, new), outputs, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-5)


def test_targets_may_be_called_like_what_a_graph_computes(tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    names = ["relu", "neg"]  # of values on the way, where nothing is renamed
    table = rows().rename(columns={"flag": "relu", "size": "neg"})[["a", "b", *names]]
    model = polytask.fit(table, names, baselines=False, folds=2, epochs=1, width=2, depth=1, bins=0)
    session = runtime.InferenceSession(model.export(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == names
    assert [value.shape[0] for value in (*session.get_inputs(), *session.get_outputs())] == ["row"] * 3


def test_a_target_called_like_the_input_is_refused_for_onnx(model: TableModel, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    column = model.targets[0]
    renamed = replace(column, task=replace(column.task, name="features"))
    alike = TableModel(
        model.learner, model.encoder, (renamed, *model.targets[1:]), config=model.config, data=model.data
    )
    with pytest.raises(InputError, match="'features' has the name of the networks' input"):
        alike.export(tmp_path / "m.onnx")


def test_a_file_of_somebody_else_beside_the_networks_is_left_alone(model, written: Path) -> None:
    assert model.export(written) == written  # its own description is replaced
    foreign = written.with_name("mine.json")
    foreign.write_text('{"mine": 1}')
    with pytest.raises(InputError, match=r"mine\.json.*no export wrote it"):
        model.export(written.with_name("mine.pt2"))
    assert foreign.read_text() == '{"mine": 1}' and not written.with_name("mine.pt2").exists()


def test_gates_and_joined_taps_keep_the_number_of_rows_open(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"folds": 2, "epochs": 1, "width": 2, "depth": 2}
    model = polytask.fit(rows(), TARGETS[:2], baselines=False, architecture="ple", **settings)
    program = torch.export.load(model.export(tmp_path / "m.pt2")).module()
    features, _ = model.encoder.transform(rows())
    assert program(features[:7])[0].shape == (7,) and program(features[:1])[1].shape == (1, 2)


def test_what_predicts_otherwise_is_refused(model: TableModel) -> None:
    right = [torch.zeros(3), torch.zeros(3, 2), torch.zeros(3, 3)]
    table_export.compare(Path("m.onnx"), model.targets, right, right)
    wrong = [right[0], right[1] + 0.5, right[2]]
    with pytest.raises(BundleError, match=r"predict 'flag' otherwise than the model, by 5.0e-01"):
        table_export.compare(Path("m.onnx"), model.targets, right, wrong)


def test_an_ending_and_a_missing_package_are_named(model, tmp_path, monkeypatch) -> None:
    with pytest.raises(InputError, match=r"must end with \.onnx or \.pt2"):
        model.export(tmp_path / "m.pb")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"polytask\[export\]"):
        table_export.check_export(tmp_path / "m.onnx")


@pytest.mark.parametrize("ending", ["pt2", "onnx"])
def test_a_target_on_a_log_scale_is_exported_in_its_units(tmp_path, ending) -> None:
    if ending == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    priced = rows().assign(price=np.exp(3 * rows()["a"]))[["a", "b", "price"]]
    model = polytask.fit(priced, "price:log", folds=2, epochs=3, width=3, depth=1, bins=0, baselines=False)
    path = model.export(tmp_path / f"m.{ending}")
    features, _ = model.encoder.transform(priced)
    if ending == "pt2":
        (found,) = torch.export.load(path).module()(features)
    else:
        (found,) = table_export._run_onnx(path.read_bytes(), {"features": features})
    np.testing.assert_allclose(found.detach().numpy(), model.predict(priced)["price"], rtol=1e-4)
