"""Objectives of every kind of task, against formulas written out by hand."""

import math

import pytest
import torch

from polytask.core import InputError, Task

DRAW = torch.Generator().manual_seed(0)


def test_regression_is_the_mean_squared_error():
    prediction, target = torch.randn(5, 1, generator=DRAW), torch.randn(5, generator=DRAW)
    value = Task(name="y", kind="regression").objective(prediction, target)
    torch.testing.assert_close(value, sum((prediction[i, 0] - target[i]) ** 2 for i in range(5)) / 5)


def test_regression_of_several_outputs_averages_over_the_labelled_ones():
    prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    target = torch.tensor([[0.0, float("nan")], [1.0, 1.0]])
    mask = torch.tensor([[True, False], [True, True]])
    value = Task(name="y", kind="regression", n_outputs=2).objective(prediction, target, mask)
    assert value.item() == pytest.approx((1 + 4 + 9) / 3)


def test_binary_is_the_cross_entropy_of_the_logit():
    logits, target = torch.tensor([[2.0], [-1.0]]), torch.tensor([1.0, 1.0])
    value = Task(name="y", kind="binary").objective(logits, target)
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert value.item() == pytest.approx(expected)


def test_multiclass_is_the_cross_entropy_of_the_labelled_rows():
    logits = torch.tensor([[1.0, 0.0, 0.0], [9.0, 9.0, 9.0]])
    mask = torch.tensor([True, False])
    value = Task(name="y", kind="multiclass", n_outputs=3).objective(logits, torch.tensor([0, 77]), mask)
    assert value.item() == pytest.approx(-math.log(math.e / (math.e + 2)))


def test_multilabel_averages_over_the_labelled_entries():
    logits, target = torch.zeros(2, 2), torch.tensor([[1.0, float("nan")], [0.0, 1.0]])
    value = Task(name="y", kind="multilabel", n_outputs=2).objective(logits, target, ~target.isnan())
    assert value.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_nan_under_the_mask_reaches_neither_value_nor_gradient(kind):
    n_outputs = 3 if kind == "multiclass" else 1
    prediction = torch.randn(4, n_outputs, generator=DRAW, requires_grad=True)
    target = (
        torch.tensor([0, 1, 1, 0]) if kind == "multiclass" else torch.tensor([0.0, 1.0, float("nan"), 1.0])
    )
    mask = torch.tensor([True, True, False, True])
    value = Task(name="y", kind=kind, n_outputs=n_outputs).objective(prediction, target, mask)
    value.backward()
    assert value.isfinite() and prediction.grad.isfinite().all()
    assert (prediction.grad[2] == 0).all() and (prediction.grad[0] != 0).any()


def test_without_any_label_the_objective_is_zero():
    value = Task(name="y", kind="regression").objective(
        torch.ones(3, 1), torch.ones(3), torch.zeros(3, dtype=bool)
    )
    assert value.item() == 0


def test_an_own_loss_replaces_the_kinds():
    task = Task(name="y", kind="regression", loss=lambda prediction, target: (prediction - target).abs())
    assert task.objective(torch.tensor([[3.0]]), torch.tensor([1.0])).item() == 2


def test_decisions_and_probabilities():
    assert Task(name="y", kind="binary").decide(torch.tensor([[1.0], [-1.0]])).tolist() == [1, 0]
    multi = Task(name="y", kind="multiclass", n_outputs=2)
    assert multi.decide(torch.tensor([[0.0, 1.0]])).tolist() == [1]
    assert multi.probabilities(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]
    with pytest.raises(InputError, match="'y' is a regression"):
        Task(name="y", kind="regression").probabilities(torch.zeros(1, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "", "kind": "binary"}, "`name` is empty"),
        ({"name": "y", "kind": "ranking"}, "use one of regression"),
        ({"name": "y", "kind": "binary", "n_outputs": 2}, "use 'multilabel'"),
        ({"name": "y", "kind": "multiclass"}, "`n_outputs` of 2 or more"),
        ({"name": "y", "kind": "odd", "n_outputs": 0}, "`kind`.*`n_outputs`"),
    ],
)
def test_a_wrong_task_is_refused_at_once(arguments, message):
    with pytest.raises(InputError, match=message):
        Task(**arguments)


def test_a_prediction_of_the_wrong_width_is_named():
    with pytest.raises(InputError, match=r"'y' has shape \(2, 3\).*`n_outputs` = 1"):
        Task(name="y", kind="regression").objective(torch.zeros(2, 3), torch.zeros(2))
