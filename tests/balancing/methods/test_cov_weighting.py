"""Coefficient-of-variation weighting against few lines of numpy."""

import numpy as np
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.cov_weighting import CoVWeighting
from polytask.core.random import numpy_generator

NAMES = ("a", "b", "c")


HISTORY = numpy_generator(0, "losses").uniform(0.2, 2.0, size=(12, 3)) * [1.0, 50.0, 0.01]


def ask(balancer, losses, names=NAMES):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer(Evidence(tuple(names), values, torch.Tensor)).values


def fed(balancer, history=HISTORY):
    for losses in history:
        ask(balancer, losses)
    return balancer


def test_cov_weights_are_the_deviation_over_the_mean_of_loss_ratios():
    before = np.stack([HISTORY[: max(step, 1)].mean(0) for step in range(len(HISTORY))])
    ratios = HISTORY / before
    coefficients = np.sqrt(ratios.var(0) + 1e-8) / ratios.mean(0)
    got = ask(fed(CoVWeighting(NAMES).double()), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(got.numpy(), 3 * coefficients / coefficients.sum())


def test_cov_weights_do_not_depend_on_the_units_of_the_losses():
    plain, scaled = CoVWeighting(NAMES).double(), CoVWeighting(NAMES).double()
    fed(plain), fed(scaled, HISTORY * [1e4, 1e-4, 7.0])
    torch.testing.assert_close(ask(plain, [1.0, 1.0, 1.0]), ask(scaled, [1.0, 1.0, 1.0]))


def test_cov_weights_start_equal():
    balancer = CoVWeighting(NAMES).double()
    assert [ask(balancer, losses).tolist() for losses in HISTORY[:2]] == [[1.0] * 3] * 2


def test_cov_weights_of_losses_that_stand_still_are_equal():
    got = ask(fed(CoVWeighting(NAMES).double(), [[1.0, 5.0, 9.0]] * 4), [1.0, 5.0, 9.0])
    torch.testing.assert_close(got, torch.ones(3, dtype=torch.float64))


def test_an_objective_that_cov_weighting_has_not_seen_twice_has_weight_one():
    balancer = CoVWeighting(NAMES).double()
    for losses in HISTORY:
        ask(balancer, losses[:2], NAMES[:2])
    for _ in range(2):  # nor one seen once, whose ratio cannot have deviated
        got = ask(balancer, [1.0, 1.0, 1.0])
        np.testing.assert_allclose([got[2].item(), got.sum().item()], [1.0, 3.0])
