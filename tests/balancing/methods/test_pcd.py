"""PCD against TorchJD's."""

import pytest
import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import NAMES, rows_of, weights

from polytask.balancing.methods import PCD


@pytest.mark.parametrize("tau", [0.0, 0.02, 0.5])
def test_pcd_equals_that_of_torchjd(tau):
    ours, theirs = PCD(NAMES, primary="a", tau=tau), reference.PCD(tau=tau)
    for rows in rows_of(3, 4, steps=4):
        torch.testing.assert_close(weights(ours, rows) @ rows, theirs(rows), rtol=1e-5, atol=1e-7)


def test_pcd_follows_the_primary_gradient_alone_where_the_others_exclude_each_other():
    rows = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]).double()
    values = weights(PCD(NAMES, primary="a", tau=0.1), rows)
    torch.testing.assert_close(values, torch.tensor([1.0, 0.0, 0.0]).double())


def test_pcd_judges_an_objective_that_came_later_by_its_own_steps_alone():
    rows, balancer = rows_of(), PCD(NAMES, primary="a", tau=0.5)
    for _ in range(3):
        weights(balancer, rows[:2], "ab")
    torch.testing.assert_close(weights(balancer, rows), weights(PCD(NAMES, primary="a", tau=0.5), rows))


def test_pcd_without_the_primary_objective_is_the_plain_sum():
    values = weights(PCD(NAMES, primary="a"), rows_of(2), "bc")
    torch.testing.assert_close(values, torch.ones(2).double())
