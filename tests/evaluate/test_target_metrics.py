"""Metrics of targets in their own units, against scikit-learn on the answers themselves."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as reference

from polytask.core import Batch
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.targets import fit_targets
from polytask.evaluate.target_metrics import measure_target


def fitted(values, kind: str) -> tuple[TargetColumn, Batch]:
    frame = pd.DataFrame({"y": values})
    (target,) = fit_targets(frame, [f"y:{kind}"], train_rows=np.arange(len(frame)))
    labels, mask = target.encode(frame["y"])
    return target, Batch(inputs=torch.zeros(len(frame), 0), targets={"y": labels}, masks={"y": mask})


@pytest.mark.parametrize("kind", ["regression", "log"])
def test_errors_are_in_the_units_of_the_column(kind: str) -> None:
    truth = np.exp(np.random.default_rng(0).normal(size=30))
    target, rows = fitted(truth, kind)
    predictions = torch.randn(30, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers, found = target.decode(predictions)[""], measure_target(target, predictions, rows)
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, answers), rel=1e-5)
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(truth, answers), rel=1e-5)
    assert found["r2"] == pytest.approx(reference.r2_score(truth, answers), rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_with_class_weights_decisions_are_those_of_the_answers(kind: str) -> None:
    draw = np.random.default_rng(0)
    truth = draw.choice(["a", "b"] if kind == "binary" else ["a", "b", "c"], 60)
    target, rows = fitted(truth, kind)
    weights = (1.0, 6.0) if kind == "binary" else (1.0, 6.0, 0.2)
    weighted = TargetColumn(task=target.task, classes=target.classes, class_weights=weights)
    logits = torch.from_numpy(draw.normal(size=(60, target.task.n_outputs)))
    found = measure_target(weighted, logits, rows, names=["accuracy", "balanced_accuracy", "log_loss"])
    answers = weighted.decode(logits)
    assert (answers[""] != target.decode(logits)[""]).any()
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(truth, answers[""]))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, answers[""]))
    shares = np.column_stack(list(answers.values())[1:]).astype(float)
    assert found["log_loss"] == pytest.approx(reference.log_loss(truth, shares))
    np.testing.assert_allclose(
        shares, np.column_stack(list(target.decode(logits).values())[1:]).astype(float)
    )
    cost = shares * np.array(weights)
    assert (np.array(target.classes)[cost.argmax(1)] == answers[""]).all()
