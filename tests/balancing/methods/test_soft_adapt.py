"""SoftAdapt against few lines of numpy."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.soft_adapt import SoftAdapt
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


def windows():
    older, newer = HISTORY[4:8].mean(0), HISTORY[8:12].mean(0)
    return newer, newer - older


def test_softadapt_is_the_softmax_of_the_rates():
    _, rates = windows()
    got = ask(fed(SoftAdapt(NAMES, sharpness=0.6, window=4).double()), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(got.numpy(), 3 * softmax(0.6 * rates))


def test_normalized_softadapt_divides_the_rates_by_their_total():
    _, rates = windows()
    balancer = SoftAdapt(NAMES, sharpness=0.6, window=4, variant="normalized").double()
    expected = 3 * softmax(0.6 * rates / np.abs(rates).sum())
    np.testing.assert_allclose(ask(fed(balancer), [1.0, 1.0, 1.0]).numpy(), expected)


def test_loss_weighted_softadapt_multiplies_by_the_average_loss():
    newer, rates = windows()
    balancer = SoftAdapt(NAMES, sharpness=0.6, window=4, variant="loss-weighted").double()
    raised = newer * np.exp(0.6 * rates)
    np.testing.assert_allclose(ask(fed(balancer), [1.0, 1.0, 1.0]).numpy(), 3 * raised / raised.sum())


@pytest.mark.parametrize("variant", ["original", "normalized", "loss-weighted"])
def test_an_objective_without_two_windows_has_weight_one(variant):
    balancer = SoftAdapt(NAMES, window=2, variant=variant).double()
    for losses in HISTORY:
        ask(balancer, losses[:2], NAMES[:2])
    got = ask(balancer, [1.0, 1.0, 1.0])
    np.testing.assert_allclose([got[2].item(), got.sum().item()], [1.0, 3.0])


def test_normalized_softadapt_of_losses_that_stand_still_is_equal():
    balancer = SoftAdapt(NAMES, window=1, variant="normalized").double()
    assert ask(fed(balancer, [[1.0, 2.0, 3.0]] * 3), [1.0, 2.0, 3.0]).tolist() == [1.0, 1.0, 1.0]


def test_softadapt_takes_losses_of_any_sign():
    got = ask(fed(SoftAdapt(NAMES, window=1).double(), -HISTORY), [-1.0, 0.0, 1.0])
    np.testing.assert_allclose(got.sum().item(), 3.0)
