"""Every metric against scikit-learn: masked cells removed, undefined parts left out and counted."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from polytask.core import Batch, Predictor, Task
from polytask.evaluate import evaluate
from polytask.evaluate.metrics import all_predictions, measure

LOGITS = (
    -120.0,
    -30.0,
    -1.5,
    -0.25,
    0.25,
    1.5,
    30.0,
    31.0,
    120.0,
)  # probabilities of exactly 0 and 1 among them
quick = settings(max_examples=40, deadline=None, derandomize=True)


def measured(task: Task, answers: np.ndarray, truth: np.ndarray, mask: np.ndarray | None):
    batch = Batch(
        inputs=torch.tensor(answers, dtype=torch.float64),
        targets={"t": torch.tensor(truth)},
        masks={} if mask is None else {"t": torch.tensor(mask)},
    )
    return evaluate(Predictor(tasks=(task,), function=lambda _, x: {"t": x}), batch, batch_size=3).get("t")


def agrees(found, metric: str, parts: list[float]) -> None:
    """Compare a metric with the mean of the reference's parts; None stands for an undefined one."""
    defined = [part for part in parts if part is not None]
    assert found.undefined.get(metric, 0) == len(parts) - len(defined)
    if defined:
        assert found[metric] == pytest.approx(np.mean(defined), rel=1e-5, abs=1e-6)
    else:
        assert math.isnan(found[metric])


@st.composite
def cells(draw, values, *, least_columns: int = 1, most_columns: int = 3):
    """Draw answers and truth ``[row, column]``, and a mask by cell, by row, or none."""
    n_rows, n_columns = draw(st.integers(1, 9)), draw(st.integers(least_columns, most_columns))
    grid = st.lists(values, min_size=n_rows * n_columns, max_size=n_rows * n_columns)
    answers, truth = (np.reshape(draw(grid), (n_rows, n_columns)) for _ in range(2))
    kind = draw(st.sampled_from(("none", "rows", "cells")))
    shape = {"none": None, "rows": (n_rows,), "cells": (n_rows, n_columns)}[kind]
    mask = None
    if shape is not None:
        size = int(np.prod(shape))
        mask = np.reshape(draw(st.lists(st.booleans(), min_size=size, max_size=size)), shape)
    return answers, truth, mask


def columns(answers, truth, mask):
    """Return the labelled answers and truth of every column."""
    kept = (
        np.ones(truth.shape, bool)
        if mask is None
        else np.broadcast_to(mask.reshape(len(mask), -1), truth.shape)
    )
    return [(answers[kept[:, c], c], truth[kept[:, c], c]) for c in range(truth.shape[1])]


@quick
@given(cells(st.integers(-3, 3).map(float)))
def test_regression_is_measured_output_by_output(drawn):
    answers, truth, mask = drawn
    task = Task(name="t", kind="regression", n_outputs=truth.shape[1])
    truth = truth + 1000.0 * np.arange(
        truth.shape[1]
    )  # outputs of another size, whose means a pooled R² would praise
    answers = answers + 1000.0 * np.arange(truth.shape[1])
    one = truth.shape[1] == 1
    found = measured(
        task, answers, truth[:, 0] if one else truth, mask if not one or mask is None else mask.reshape(-1)
    )
    parts = columns(answers, truth, mask)
    if found is None:
        assert not any(len(t) for _, t in parts)
        return
    agrees(found, "rmse", [reference.root_mean_squared_error(t, a) if len(t) else None for a, t in parts])
    agrees(found, "mae", [reference.mean_absolute_error(t, a) if len(t) else None for a, t in parts])
    varied = [len(np.unique(t)) > 1 for _, t in parts]
    agrees(found, "r2", [reference.r2_score(t, a) if ok else None for (a, t), ok in zip(parts, varied)])


@quick
@given(cells(st.sampled_from(LOGITS), most_columns=1), st.randoms(use_true_random=False))
def test_a_binary_task_is_measured_on_its_labels(drawn, random):
    answers, _, mask = drawn
    truth = np.array([[float(random.random() < random.choice((0.0, 0.5, 1.0)))] for _ in answers])
    mask = None if mask is None else mask.reshape(-1)
    found = measured(Task(name="t", kind="binary"), answers, truth[:, 0], mask)
    ((a, t),) = columns(answers, truth, mask)
    if found is None:
        assert not len(t)
        return
    agrees(found, "accuracy", [reference.accuracy_score(t, a > 0)])
    agrees(found, "auroc", [reference.roc_auc_score(t, a) if len(np.unique(t)) > 1 else None])
    involved = bool(t.any() or (a > 0).any())
    agrees(found, "f1", [reference.f1_score(t, a > 0, zero_division=0) if involved else None])


@quick
@given(st.data())
def test_classes_that_are_not_there_are_not_averaged(data):
    n_classes, n_rows = data.draw(st.integers(2, 5)), data.draw(st.integers(1, 9))
    label = st.integers(0, data.draw(st.integers(0, n_classes - 1)))  # often the last classes are absent
    truth = np.array(data.draw(st.lists(label, min_size=n_rows, max_size=n_rows)))
    grid = st.lists(st.sampled_from(LOGITS), min_size=n_rows * n_classes, max_size=n_rows * n_classes)
    answers = np.reshape(data.draw(grid), (n_rows, n_classes))
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=n_rows, max_size=n_rows).map(np.array))
    found = measured(Task(name="t", kind="multiclass", n_outputs=n_classes), answers, truth, mask)
    kept = np.ones(n_rows, bool) if mask is None else mask
    if found is None:
        assert not kept.any()
        return
    decided, there = answers[kept].argmax(1), truth[kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are answered and never there
        balanced, f1 = (
            reference.balanced_accuracy_score(there, decided),
            reference.f1_score(there, decided, average="macro"),
        )
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(there, decided))
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    assert found["f1"] == pytest.approx(f1)
    assert found.undefined.get("balanced_accuracy", 0) == n_classes - len(np.unique(there))
    assert found.undefined.get("f1", 0) == n_classes - len(np.union1d(there, decided))


@quick
@given(cells(st.sampled_from(LOGITS), least_columns=2, most_columns=4), st.randoms(use_true_random=False))
def test_labels_are_measured_one_by_one(drawn, random):
    answers, _, mask = drawn
    rates = [random.choice((0.0, 0.5, 1.0)) for _ in answers[0]]
    truth = np.array([[float(random.random() < rate) for rate in rates] for _ in answers])
    found = measured(Task(name="t", kind="multilabel", n_outputs=truth.shape[1]), answers, truth, mask)
    parts = columns(answers, truth, mask)
    if found is None:
        assert not any(len(t) for _, t in parts)
        return
    agrees(found, "accuracy", [reference.accuracy_score(t, a > 0) if len(t) else None for a, t in parts])
    both = [len(np.unique(t)) > 1 for _, t in parts]
    agrees(found, "auroc", [reference.roc_auc_score(t, a) if ok else None for (a, t), ok in zip(parts, both)])


@pytest.mark.parametrize("task", [Task(name="t", kind="regression"), Task(name="t", kind="binary")])
def test_an_answer_that_is_no_number_leaves_every_metric_undefined(task):
    found = measured(task, np.array([[1.0], [math.nan], [2.0]]), np.array([1.0, 0.0, 1.0]), None)
    assert all(math.isnan(value) for value in found.values())
    assert set(found.undefined) == set(found)


def test_an_answer_that_is_no_number_does_not_count_where_there_is_no_label():
    answers, mask = np.array([[1.0], [math.nan], [2.0]]), np.array([True, False, True])
    found = measured(Task(name="t", kind="binary"), answers, np.array([1.0, 0.0, 0.0]), mask)
    assert found["accuracy"] == 0.5 and found["auroc"] == 0.0 and not found.undefined


def test_far_away_targets_keep_their_digits():
    truth = 1e7 + np.arange(8.0)
    found = measured(Task(name="t", kind="regression"), (truth + 0.5)[:, None], truth, None)
    assert found["r2"] == pytest.approx(reference.r2_score(truth, truth + 0.5), abs=1e-9)


@pytest.mark.parametrize("size", [1e-297, 1.0, 1e250])
def test_errors_of_tiny_and_huge_numbers_are_those_of_others_in_another_unit(size):
    task = Task(name="t", kind="regression")
    truth, answers = torch.tensor([1.0, -2.0, 4.0]).double(), torch.tensor([1.5, -1.0, 3.0]).double()
    data = Batch(inputs=torch.zeros(3, 0), targets={"t": size * truth})
    measured = measure(task, size * answers[:, None], data)
    in_units = {name: value if name == "r2" else value / size for name, value in measured.items()}
    assert in_units == pytest.approx({"rmse": math.sqrt(0.75), "mae": 2.5 / 3, "r2": 1 - 2.25 / 18})


def test_an_answer_that_is_nan_leaves_every_class_undefined():
    answers = np.array([[0.0, math.nan, 1.0], [1.0, 0.0, 0.0]])
    found = measured(Task(name="t", kind="multiclass", n_outputs=3), answers, np.array([1, 0]), None)
    for metric in ("balanced_accuracy", "f1"):
        assert math.isnan(found[metric]) and found.undefined[metric] == 3


def test_metrics_that_are_measured_where_they_are_named_are_those_of_scikit_learn():
    from sklearn import metrics as reference

    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(50, 1, generator=draw).double(), torch.arange(50) % 3 == 0
    task = Task(name="y", kind="binary")
    rows = Batch(inputs=torch.zeros(50, 1), targets={"y": labels.float()})
    names = ["balanced_accuracy", "average_precision", "log_loss", "brier"]
    found = measure(task, logits, rows, names=names)
    truth, chance, decided = labels.numpy(), logits[:, 0].sigmoid().numpy(), logits[:, 0].numpy() > 0
    assert found == pytest.approx(
        {
            "balanced_accuracy": reference.balanced_accuracy_score(truth, decided),
            "average_precision": reference.average_precision_score(truth, chance),
            "log_loss": reference.log_loss(truth, chance),
            "brier": reference.brier_score_loss(truth, chance),
        },
        rel=1e-6,
    )
    several = Task(name="y", kind="multiclass", n_outputs=3)
    logits, labels = torch.randn(50, 3, generator=draw).double(), torch.arange(50) % 3
    rows = Batch(inputs=torch.zeros(50, 1), targets={"y": labels})
    found = measure(several, logits, rows, names=["log_loss", "brier"])
    shares = logits.softmax(-1).numpy()
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels.numpy(), shares))
    brier = ((shares - torch.eye(3)[labels].numpy()) ** 2).sum(1).mean()
    assert found["brier"] == pytest.approx(brier)


def test_what_needs_both_classes_is_undefined_without():
    task = Task(name="y", kind="binary")
    rows = Batch(inputs=torch.zeros(3, 1), targets={"y": torch.ones(3)})
    found = measure(task, torch.zeros(3, 1).double(), rows, names=["balanced_accuracy", "average_precision"])
    assert found.undefined == {"balanced_accuracy": 1, "average_precision": 1}


def test_all_metrics_are_measured_unless_some_are_named_and_units_count_where_there_are_some():
    task = Task(name="y", kind="regression")
    data = Batch(inputs=torch.zeros(4, 1), targets={"y": torch.tensor([0.0, 1.0, 2.0, 3.0])})
    prediction = torch.tensor([[1.0], [1.0], [2.0], [3.0]]).double()
    everything = measure(task, prediction, data, scale=10.0)
    named = measure(task, prediction, data, scale=10.0, names=["rmse"])
    assert set(named) == {"rmse"} and len(everything) > 1
    assert named["rmse"] == everything["rmse"] == pytest.approx(10 * 0.5)
    assert everything["r2"] == pytest.approx(1 - 1 / 5)


def test_predictions_of_pieces_are_those_of_the_whole():
    task = Task(name="y", kind="regression")

    class Doubling:
        tasks = (task,)

        def __call__(self, inputs):
            return {"y": 2 * inputs}

    data = Batch(inputs=torch.arange(7.0)[:, None], targets={"y": torch.zeros(7)})
    for batch_size in (1, 3, 7, 8):
        found = all_predictions(Doubling(), data, batch_size=batch_size)["y"]
        assert found.dtype == torch.float64 and found[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12]
