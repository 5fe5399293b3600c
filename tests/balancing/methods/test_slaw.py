"""SLAW against few lines of numpy."""

import numpy as np
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.slaw import SLAW
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
