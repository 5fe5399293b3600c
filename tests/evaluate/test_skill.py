"""Skill: a proper score against the constant, and whether a model is clearly ahead of it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from polytask.core import Batch, Task
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import ConstantReference, TaskLead, clearly_ahead

RATE = Task(name="rare", kind="binary")
SIZE = Task(name="size", kind="regression", n_outputs=2)
KIND = Task(name="kind", kind="multiclass", n_outputs=3)


def batch(n: int, seed: int, *, rate: float = 0.5) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=draw)
    targets = {
        "rare": (torch.rand(n, generator=draw) < rate).float(),
        "size": x[:, :2] + 0.1 * torch.randn(n, 2, generator=draw),
        "kind": x.argmax(1),
    }
    masks = {"size": torch.rand(n, 2, generator=draw) > 0.3, "kind": torch.rand(n, generator=draw) > 0.3}
    return Batch(inputs=x, targets=targets, masks=masks)


def test_the_constant_has_no_skill_and_the_truth_has_all_of_it():
    train, held_out = batch(200, 0), batch(100, 1)
    reference = ConstantReference([RATE, SIZE, KIND], train, held_out)
    constant = reference.skills(all_predictions(reference.predictor, held_out))
    assert constant == pytest.approx({"rare": 0, "size": 0, "kind": 0})
    truth = {
        "rare": 100 * (2 * held_out.targets["rare"].double()[:, None] - 1),
        "size": held_out.targets["size"].double(),
        "kind": 100 * torch.nn.functional.one_hot(held_out.targets["kind"], 3).double(),
    }
    assert all(80 < skill < 120 for skill in reference.skills(truth).values())


def test_the_skill_of_a_class_is_the_log_loss_that_is_gone():
    train, held_out = batch(200, 0), batch(100, 1)
    answers = torch.randn(100, 3, generator=torch.Generator().manual_seed(2)).double()
    found = ConstantReference([KIND], train, held_out).skills({"kind": answers})["kind"]
    shares = train.targets["kind"][train.masks["kind"]].bincount().double()
    shares /= shares.sum()
    known = held_out.masks["kind"]
    truth = held_out.targets["kind"][known]
    ours = log_loss(truth, answers[known].softmax(1).numpy(), labels=[0, 1, 2])
    constant = log_loss(truth, np.tile(shares, (len(truth), 1)), labels=[0, 1, 2])
    unit = -(shares * shares.log()).sum().item()
    assert found == pytest.approx(100 * (constant - ours) / unit, rel=1e-4)


def test_units_do_not_matter():
    train, held_out = batch(200, 0), batch(100, 1)
    answers = held_out.inputs[:, :2].double() * 0.5

    def skill(scale: float) -> float:
        def scaled(rows: Batch) -> Batch:
            return Batch(
                inputs=rows.inputs,
                targets={"size": scale * rows.targets["size"]},
                masks={"size": rows.masks["size"]},
            )

        return ConstantReference([SIZE], scaled(train), scaled(held_out)).skills({"size": scale * answers})[
            "size"
        ]

    assert skill(1e4) == pytest.approx(skill(1.0), rel=1e-4)


def test_few_held_out_rows_of_one_class_are_no_unit():
    train, held_out = batch(2000, 0, rate=0.003), batch(50, 1, rate=0.0)
    reference = ConstantReference([RATE], train, held_out)
    near = all_predictions(reference.predictor, held_out)["rare"] + 0.1
    assert abs(reference.skills({"rare": near})["rare"]) < 10


def test_a_task_without_held_out_label_has_no_skill():
    train, held_out = batch(50, 0), batch(10, 1)
    none = Batch(
        inputs=held_out.inputs,
        targets=held_out.targets,
        masks={**held_out.masks, "kind": torch.zeros(10).bool()},
    )
    reference = ConstantReference([SIZE, KIND], train, none)
    assert list(reference.skills(all_predictions(reference.predictor, none))) == ["size"]


def leads(answer, n_runs: int = 3, first: int = 0):
    found = []
    for seed in range(n_runs):
        train, held_out = batch(120, first + 10 + seed), batch(60, first + 20 + seed)
        found.append(ConstantReference([KIND], train, held_out).lead(KIND, answer(held_out, seed)))
    return found


def test_a_model_that_knows_something_is_ahead_though_it_is_too_sure():
    def too_sure(rows, seed):
        wrong = torch.rand(len(rows), generator=torch.Generator().manual_seed(seed)) < 0.2
        decided = torch.where(wrong, (rows.targets["kind"] + 1) % 3, rows.targets["kind"])
        return 60 * torch.nn.functional.one_hot(decided, 3).double()

    found = leads(too_sure)
    assert all(
        lead.loss.mean() < 0 for lead in found
    )  # a few wrong answers without any doubt cost more than guessing
    assert clearly_ahead(found)


@pytest.mark.parametrize("n_runs", [1, 3])
def test_chance_is_seldom_ahead(n_runs):
    """Two intervals of 95 % let chance through in at most 5 of 100 tables."""

    def ahead(seed: int) -> bool:
        def noise(rows, _):
            draw = torch.Generator().manual_seed(seed)
            return 0.3 * torch.randn(len(rows), 3, generator=draw).double()

        return clearly_ahead(leads(noise, n_runs, first=1000 * seed))

    assert sum(ahead(seed) for seed in range(60)) <= 8


def test_many_runs_do_not_make_the_same_rows_more():
    """The error of one run's mean stays, however many runs share the rows."""
    (one,) = leads(
        lambda rows, seed: (
            0.05
            * torch.nn.functional.one_hot(rows.targets["kind"], 3).double()[
                torch.randperm(len(rows), generator=torch.Generator().manual_seed(3))
            ]
        ),
        n_runs=1,
    )
    assert clearly_ahead([one] * 50) == clearly_ahead([one])


def test_few_rows_have_wide_tails():
    """T = 2.9 with 2 degrees of freedom is no more than chance (4.3), with many it would be plenty (2.0)."""
    rows = torch.tensor([1.0, 2.0, 3.8], dtype=torch.float64)
    assert 2.5 < rows.mean() / (rows.std() / 3**0.5) < 3.0
    assert not clearly_ahead([TaskLead(loss=rows, right=rows)] * 4)
    assert clearly_ahead([TaskLead(loss=rows.repeat(9), right=torch.empty(0))])


def test_one_row_says_nothing():
    reference = ConstantReference([RATE], batch(50, 0), batch(1, 1))
    truth = 9 * (2 * batch(1, 1).targets["rare"].double()[:, None] - 1)
    assert not clearly_ahead([reference.lead(RATE, truth)])
