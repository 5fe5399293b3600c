"""Weights that are asked for now and then."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, weights
from torch import Tensor

from polytask.balancing import Evidence, Periodic
from polytask.balancing.methods import MGDA


def test_periodic_weights_cost_no_gradients_in_between():
    asked: list[int] = []

    def counted(step: int) -> Tensor:
        asked.append(step)
        return rows_of()

    balancer = Periodic(MGDA(), NAMES, every=3)
    for step in range(8):
        balancer(Evidence(NAMES, torch.ones(3), lambda step=step: counted(step)))
    assert asked == [0, 3, 6]


def test_periodic_weights_are_asked_for_at_once_for_an_objective_without():
    balancer = Periodic(MGDA(), NAMES, every=100)
    weights(balancer, rows_of(2), "ab")
    values = weights(balancer, rows_of(3))
    torch.testing.assert_close(values, weights(MGDA(), rows_of(3)).float().double(), rtol=1e-5, atol=1e-6)
