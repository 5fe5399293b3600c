"""FAMO against TorchJD's, and what an absent objective leaves alone."""

import copy

import pytest
import torch
from torchjd.scalarization import FAMO as TorchJDFAMO  # noqa: N811 - one acronym, two owners

from polytask.balancing import Periodic
from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.famo import FAMO
from polytask.core import TrainingError, generator

NAMES = ("a", "b", "c")


def ask(balancer, losses, names=NAMES):
    return balancer(Evidence(tuple(names), torch.tensor(losses, dtype=torch.float64), torch.Tensor)).values


def after(balancer, losses, names=NAMES):
    balancer.after_step(tuple(names), torch.tensor(losses, dtype=torch.float64))


def trained(n_steps=6):
    balancer = FAMO(NAMES).double()
    for before, later in torch.rand(n_steps, 2, 3, generator=generator(0, "losses")).add(0.2).tolist():
        ask(balancer, before)
        after(balancer, later)
    return balancer


def test_it_is_torchjds_times_the_number_of_objectives():
    bounds = torch.tensor([0.1, 0.0, -1.0], dtype=torch.float64)
    ours = FAMO(NAMES, lower_bounds={"a": 0.1, "c": -1.0}).double()
    ours.lower_bounds.copy_(bounds)  # 0.1 in double precision
    theirs = TorchJDFAMO(3, min_losses=bounds).double()
    steps = torch.rand(25, 2, 3, generator=generator(0, "losses"), dtype=torch.float64) + 0.2
    for before, later in steps:
        values = before.clone().requires_grad_()
        (expected,) = torch.autograd.grad(theirs(values), values)
        torch.testing.assert_close(ask(ours, before.tolist()), 3 * expected, rtol=1e-5, atol=1e-6)
        theirs.update(later)
        after(ours, later.tolist())


def test_an_absent_objective_keeps_its_logit_and_moments():
    balancer = trained()
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(3):
        ask(balancer, [1.0, 2.0], ("a", "c"))
        after(balancer, [0.9, 1.0], ("a", "c"))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


def test_an_objective_that_came_late_takes_adams_first_step():
    balancer = FAMO(NAMES, learning_rate=0.1).double()
    for _ in range(3):
        ask(balancer, [1.0, 2.0], ("a", "b"))
        after(balancer, [0.9, 1.0], ("a", "b"))
    ask(balancer, [1.0, 2.0, 3.0])
    after(balancer, [1.0, 2.0, 1.5])
    assert balancer.logits[2].item() == pytest.approx(-0.1, rel=1e-4)


def test_inside_periodic_it_is_told_of_the_steps_that_it_was_asked_in_alone():
    inner = FAMO(NAMES).double()
    balancer = Periodic(inner, NAMES, every=2).double()
    for n_told, looks in ((1, True), (1, False), (2, True)):
        ask(balancer, [1.0, 2.0, 3.0])
        assert balancer.looks_after == looks
        after(balancer, [0.9, 1.0, 2.9])
        assert inner.adam.steps.tolist() == [n_told] * 3


def test_a_saved_balancer_goes_on_as_if_nothing_had_happened():
    balancer = trained()
    twin = FAMO(NAMES).double()
    twin.load_state_dict(copy.deepcopy(balancer.state_dict()))
    for each in (balancer, twin):
        ask(each, [1.0, 2.0, 3.0])
        after(each, [0.9, 1.9, 1.0])
    assert torch.equal(ask(balancer, [1.0, 2.0, 3.0]), ask(twin, [1.0, 2.0, 3.0]))


def test_the_objective_that_falls_fastest_loses_weight():
    balancer = FAMO(NAMES).double()
    for _ in range(10):
        ask(balancer, [1.0, 1.0, 1.0])
        after(balancer, [0.9, 0.5, 0.9])
    weights = ask(balancer, [1.0, 1.0, 1.0])
    assert weights[1] < 0.9 < weights[0]


def test_the_weights_follow_the_inverse_of_the_losses():
    weights = ask(FAMO(NAMES).double(), [1.0, 2.0, 4.0])
    expected = torch.tensor([12.0, 6.0, 3.0], dtype=torch.float64) / 7
    torch.testing.assert_close(weights, expected)


def test_the_optimizer_of_the_model_gets_none_of_its_state():
    assert list(FAMO(NAMES).parameters()) == []


def test_looking_after_an_unseen_step_is_an_error():
    with pytest.raises(TrainingError, match="did not see"):
        after(FAMO(NAMES), [1.0, 1.0, 1.0])
