"""MoCo against its recursion."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, seen, weights

from polytask.balancing.methods import MGDA, MoCo
from polytask.balancing.solvers.simplex import project_onto_simplex


def test_moco_follows_its_recursion():
    balancer = MoCo(NAMES, beta=0.3, gamma=0.2, rho=0.1)
    steps = rows_of(3, 8, steps=4)
    running, share = steps[0].clone(), torch.full((3,), 1 / 3).double()
    for rows in steps:
        running = running - 0.3 * (running - rows)
        slope = running @ running.T @ share + 0.1 * share
        share = project_onto_simplex(share - 0.2 * slope)
        torch.testing.assert_close(balancer(seen(rows)).values, 3 * share @ running)


def test_moco_with_a_fixed_gradient_arrives_at_mgda():
    rows = rows_of()
    balancer = MoCo(NAMES, beta=1.0, gamma=0.01)
    for _ in range(3000):
        balancer(seen(rows))
    torch.testing.assert_close(weights(balancer, rows), weights(MGDA(), rows) @ rows, rtol=1e-4, atol=1e-4)
