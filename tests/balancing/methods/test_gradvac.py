"""GradVac against TorchJD's."""

import torch
from tests.balancing.methods.gradients import rows_of, weights
from torchjd.aggregation import GradVacWeighting

from polytask.balancing.methods import GradVac


def test_gradvac_of_two_objectives_equals_that_of_torchjd():
    ours, theirs = GradVac("ab", beta=0.5), GradVacWeighting(beta=0.5, eps=0)
    for step in rows_of(2, 5, steps=4):
        torch.testing.assert_close(weights(ours, step, "ab"), theirs(step @ step.T))
