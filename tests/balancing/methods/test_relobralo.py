"""ReLoBRaLo against few lines of numpy."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.relobralo import ReLoBRaLo
from polytask.core import seeded
from polytask.core.random import numpy_generator

NAMES = ("a", "b", "c")


HISTORY = numpy_generator(0, "losses").uniform(0.2, 2.0, size=(12, 3)) * [1.0, 5.0, 0.1]


def ask(balancer, losses, names=NAMES):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer(Evidence(tuple(names), values, torch.Tensor)).values


def fed(balancer, history=HISTORY):
    for losses in history:
        ask(balancer, losses)
    return balancer


def softmax(values):
    raised = np.exp(values - values.max())
    return raised / raised.sum()


def relative(alpha, rho, temperature, history=HISTORY):
    weights = np.ones(3)
    for step in range(1, len(history)):
        recent = 3 * softmax(history[step] / (temperature * history[step - 1]))
        first = 3 * softmax(history[step] / (temperature * history[0]))
        weights = alpha * (rho * weights + (1 - rho) * first) + (1 - alpha) * recent
    return weights


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_relobralo_mixes_the_last_step_with_the_past_or_the_first(rho):
    balancer = ReLoBRaLo(NAMES, temperature=0.7, smoothing=0.8, remembering=rho).double()
    got = ask(fed(balancer, HISTORY[:-1]), HISTORY[-1])
    np.testing.assert_allclose(got.numpy(), relative(0.8, rho, 0.7))


def test_relobralo_looks_back_as_often_as_it_should():
    balancer = ReLoBRaLo(NAMES, smoothing=1.0, remembering=0.75).double()
    ask(balancer, [1.0, 1.0, 1.0])
    looked = 0
    with seeded(0, "balancing"):
        for step in range(1, 1001):
            before = balancer.history.clone()
            ask(balancer, [1.0, 1.0 + step / 1000, 1.0])
            looked += not torch.equal(balancer.history, before)
    assert 210 < looked < 290


def test_relobralo_draws_from_the_seeded_generator():
    runs = []
    for _ in range(2):
        with seeded(0, "balancing"):
            runs.append(ask(fed(ReLoBRaLo(NAMES, remembering=0.5).double()), HISTORY[0]))
    assert torch.equal(*runs)


def test_an_objective_that_relobralo_has_not_seen_counts_as_one():
    balancer = ReLoBRaLo(NAMES, smoothing=0.5, remembering=1.0).double()
    for losses in ([1.0, 1.0], [1.0, 0.5]):
        ask(balancer, losses, ("a", "b"))
    got = ask(balancer, [1.0, 0.5, 3.0])
    assert balancer.history[2] == 1
    np.testing.assert_allclose(got.sum().item(), 3.0)
