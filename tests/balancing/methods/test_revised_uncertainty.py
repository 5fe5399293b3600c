"""Revised uncertainty weighting against its closed form."""

import numpy as np
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.revised_uncertainty import RevisedUncertaintyWeighting

NAMES = ("a", "b", "c")


LOSSES = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)


def evidence(losses=LOSSES, names=NAMES):
    return Evidence(tuple(names), losses, torch.Tensor)


def put(balancer, values):
    with torch.no_grad():
        for parameter, value in zip(balancer.parameters(), values, strict=True):
            parameter.copy_(value)


def criterion(update, losses=LOSSES):
    return (update.values * losses).sum() + update.regularizer


def minimized(balancer, losses, n_steps=2000):
    """Train the parameters of a balancer alone, at losses that stay."""
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.02)
    for _ in range(n_steps):
        optimizer.zero_grad()
        criterion(balancer(evidence(losses, NAMES[: len(losses)])), losses).backward()
        optimizer.step()
    return balancer(evidence(losses, NAMES[: len(losses)])).values.detach()


def test_revised_uncertainty_is_twice_the_papers_sum():
    balancer = RevisedUncertaintyWeighting(NAMES).double()
    noise = np.array([0.5, 1.0, 2.0])
    put(balancer, torch.from_numpy(noise))
    paper = (LOSSES.numpy() / (2 * noise**2) + np.log(1 + noise**2)).sum()
    np.testing.assert_allclose(criterion(balancer(evidence())).item(), 2 * paper)


def test_revised_uncertainty_settles_where_the_derivative_vanishes():
    # With v = c^2: -L / v^2 + 2 / (1 + v) = 0, so 2 v^2 - L v - L = 0.
    losses = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    variance = (losses + (losses.square() + 8 * losses).sqrt()) / 4
    torch.testing.assert_close(
        minimized(RevisedUncertaintyWeighting(NAMES).double(), losses), 1 / variance, rtol=1e-4, atol=0
    )
