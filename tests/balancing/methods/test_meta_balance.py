"""MetaBalance: auxiliary gradients get the length of the main one."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, weights

from polytask.balancing.methods import MetaBalance


def test_meta_balance_brings_auxiliary_gradients_to_the_length_of_the_main_one():
    balancer = MetaBalance(NAMES, main="b", relax=1.0, beta=0.5).double()
    first, second = rows_of(3, 0, steps=2)
    weights(balancer, first)
    running = (first.norm(dim=1) + second.norm(dim=1)) / 2
    torch.testing.assert_close(weights(balancer, second), running[1] / running)


def test_meta_balance_with_half_the_relaxation_goes_half_the_way():
    rows = torch.diag(torch.tensor([1.0, 2.0, 4.0])).double()
    values = weights(MetaBalance(NAMES, main="a", relax=0.5).double(), rows)
    torch.testing.assert_close(values, torch.tensor([1.0, 0.75, 0.625]).double())
