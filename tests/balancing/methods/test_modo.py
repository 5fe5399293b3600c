"""MoDo against TorchJD's."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, seen, weights
from torchjd.aggregation import MoDoWeighting

from polytask.balancing.methods import MoDo
from polytask.balancing.solvers.simplex import project_onto_simplex


def test_modo_equals_that_of_torchjd():
    ours, theirs = MoDo(NAMES, gamma=0.1, rho=0.1), MoDoWeighting(gamma=0.1, rho=0.1)
    for rows in rows_of(3, 6, steps=4):
        expected = 3 * theirs(rows @ rows.roll(1, 1).T)
        torch.testing.assert_close(weights(ours, rows), expected, rtol=1e-6, atol=1e-9)


def test_modo_steps_from_the_shares_of_the_objectives_present():
    balancer, steps = MoDo(NAMES, gamma=0.1), rows_of(3, 12, steps=2)
    balancer(seen(steps[0]))
    share = balancer.mixture.share[[0, 2]] / balancer.mixture.share[[0, 2]].sum()
    rows = steps[1][[0, 2]]
    expected = project_onto_simplex(share - 0.1 * (rows @ rows.roll(1, 1).T) @ share)
    torch.testing.assert_close(weights(balancer, rows, "ac"), 2 * expected)
