"""Coefficient-of-variation weighting and SLAW against few lines of numpy."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.cov_weighting import CoVWeighting
from polytask.balancing.methods.slaw import SLAW
from polytask.checks import check_balancer
from polytask.core import InputError, TrainingError
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


def test_cov_weighting_names_the_loss_that_is_not_positive():
    with pytest.raises(TrainingError, match=r"CoVWeighting needs a positive loss .* b \(-2\)"):
        ask(CoVWeighting(NAMES), [1.0, -2.0, 1.0])


def test_slaw_weights_are_inverse_to_the_smoothed_deviation():
    square, mean = np.zeros(3), np.zeros(3)
    for losses in HISTORY:
        square, mean = 0.9 * square + 0.1 * losses**2, 0.9 * mean + 0.1 * losses
    inverse = (square - mean**2) ** -0.5
    balancer = fed(SLAW(NAMES, smoothing=0.9, minimum=1e-12).double(), HISTORY[:-1])
    np.testing.assert_allclose(ask(balancer, HISTORY[-1]).numpy(), 3 * inverse / inverse.sum())


def test_slaw_is_inverse_to_the_losses_in_the_first_step():
    got = ask(SLAW(NAMES).double(), [1.0, 2.0, 4.0])
    torch.testing.assert_close(got, torch.tensor([12.0, 6.0, 3.0], dtype=torch.float64) / 7)


def test_slaw_finds_the_deviation_of_noise_around_a_large_loss():
    draw = numpy_generator(0, "noise")
    balancer = fed(SLAW(NAMES), 100 + draw.normal(size=(3000, 3)) * [1.0, 2.0, 4.0])
    inverse = 1 / np.array([1.0, 2.0, 4.0])
    got = ask(balancer, [100.0, 100.0, 100.0])
    np.testing.assert_allclose(got.numpy(), 3 * inverse / inverse.sum(), rtol=0.2)


def test_slaw_takes_losses_of_zero():
    got = ask(fed(SLAW(NAMES), [[0.0, 0.0, 0.0]] * 3), [0.0, 0.0, 0.0])
    assert got.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("method", [CoVWeighting, SLAW])
def test_an_absent_objective_keeps_its_statistics(method):
    balancer = fed(method(NAMES).double())
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(3):
        ask(balancer, [1.0, 2.0], ("a", "c"))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


@pytest.mark.parametrize("method", [CoVWeighting, SLAW])
def test_they_keep_the_contract(method):
    check_balancer(method)


@pytest.mark.parametrize("arguments", [{"smoothing": 1.0}, {"smoothing": -0.1}, {"minimum": 0.0}])
def test_bad_arguments_of_slaw_are_named(arguments):
    with pytest.raises(InputError, match=r"SLAW needs 0 <= `smoothing` < 1 and `minimum` > 0"):
        SLAW(NAMES, **arguments)
