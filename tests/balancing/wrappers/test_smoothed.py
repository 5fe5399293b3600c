"""Weights that follow by a running mean."""

import pytest
import torch
from tests.balancing.methods.gradients import NAMES, rows_of, weights

from polytask.balancing import Smoothed
from polytask.balancing.methods import MGDA, MoCo
from polytask.core import InputError


def test_smoothed_weights_follow_by_a_running_mean_and_an_absent_one_stays():
    balancer = Smoothed(MGDA(), NAMES, alpha=0.5).double()
    first, second = rows_of(3, 0, steps=2)
    before = weights(balancer, first)
    torch.testing.assert_close(before, weights(MGDA(), first))
    after = weights(balancer, second[[0, 2]], ("a", "c"))
    expected = (before[[0, 2]] + weights(MGDA(), second[[0, 2]], "ac")) / 2
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(balancer.weight[1], before[1])


def test_a_direction_cannot_be_smoothed():
    with pytest.raises(InputError, match="MoCo answers with a direction"):
        weights(Smoothed(MoCo(NAMES), NAMES), rows_of())
