"""Weighted classes against closed forms: where the loss is lowest, and what it costs."""

import pandas as pd
import pytest
import torch
from torch.nn import functional

import polytask
from polytask.core import Batch, DataError, Task
from polytask.fitting.class_weights import WeightedClasses, weighted_task
from polytask.fitting.stacked_losses import StackedLosses

K, M = Task(name="k", kind="binary"), Task(name="m", kind="multiclass", n_outputs=3)
SHARES, WEIGHTS = torch.tensor([0.7, 0.25, 0.05]).double(), (0.5, 2.0, 9.0)


def test_the_loss_of_a_row_is_that_of_the_weighted_world_times_its_weight() -> None:
    logits = torch.randn(6, 3).double()
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    weights = torch.tensor(WEIGHTS).double()
    world = weights * logits.softmax(-1)
    expected = -weights[labels] * (world / world.sum(-1, keepdim=True)).log().gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(WeightedClasses.of(M, WEIGHTS)(logits, labels), expected)


@pytest.mark.parametrize("task", [K, M], ids=["binary", "multiclass"])
def test_the_expected_loss_is_lowest_at_the_frequencies_of_the_table(task: Task) -> None:
    n_classes = 2 if task is K else 3
    shares = SHARES[:n_classes] / SHARES[:n_classes].sum()
    best = (shares[1:] / shares[:1]).log() if task is K else shares.log()
    logits = best.clone().requires_grad_()
    loss = WeightedClasses.of(task, WEIGHTS[:n_classes])
    rows = logits.expand(n_classes) if task is K else logits.expand(n_classes, -1)
    expected = (shares * loss(rows, torch.arange(n_classes))).sum()
    (slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-6, rtol=0)
    for change in (0.1, -0.1):
        moved = best.clone()
        moved[-1] += change
        rows = moved.expand(n_classes) if task is K else moved.expand(n_classes, -1)
        assert (shares * loss(rows, torch.arange(n_classes))).sum() > expected


def test_stacked_networks_have_the_same_losses() -> None:
    draw = torch.Generator().manual_seed(0)
    targets = {"k": torch.randint(0, 2, (9,), generator=draw).float(), "m": torch.arange(9) % 3}
    masks = {name: torch.arange(9) != lost for name, lost in (("k", 2), ("m", 5))}
    rows = Batch(inputs=torch.zeros(9, 1), targets=targets, masks=masks)
    given = {"k": (0.5, 4.0), "m": WEIGHTS}
    stacked = StackedLosses([K, M], rows, None, torch.device("cpu"), class_weights=given)
    outputs, picked = torch.randn(1, 9, 4, generator=draw), torch.arange(9)[None]
    means = []
    for task, answers in ((K, outputs[0, :, 0]), (M, outputs[0, :, 1:])):
        known, labels = masks[task.name], targets[task.name]
        losses = weighted_task(task, given[task.name]).loss
        assert losses is not None
        weights = torch.tensor(given[task.name])[labels.long()][known]
        means.append(losses(answers, labels)[known].sum() / weights.sum())
    found = stacked(outputs, picked, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(found, torch.stack(means).mean()[None])


def test_equal_weights_are_the_loss_without_any() -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    plain = functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(WeightedClasses.of(M, (1.0, 1.0, 1.0))(logits, labels), plain)


def test_weights_that_would_round_to_nothing_are_refused() -> None:
    table = pd.DataFrame({"x": range(40), "k": 20 * ["a", "b"]})
    with pytest.raises(DataError, match="weights of 'k' are more than 1e\\+09 times apart"):
        polytask.fit(table, "k", class_weights={"k": {"a": 1e308, "b": 1e-308}}, epochs=1)
