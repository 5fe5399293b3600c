"""CAGrad: the worst-off objective, and how far it may go."""

import torch
from tests.balancing.methods.gradients import rows_of, weights

from polytask.balancing.methods import CAGrad, EqualWeights


def test_cagrad_helps_the_worst_off_objective_more_than_the_mean_does():
    rows = rows_of()
    update, plain = weights(CAGrad(c=0.5), rows) @ rows, weights(EqualWeights(), rows) @ rows
    assert (rows @ update).min() > (rows @ plain).min()


def test_cagrad_goes_as_far_from_the_sum_as_it_may():
    rows = rows_of()
    torch.testing.assert_close(weights(CAGrad(c=0), rows), torch.ones(3).double())
    away = (weights(CAGrad(c=0.3), rows) - 1) @ rows
    torch.testing.assert_close(away.norm(), 0.3 * rows.sum(0).norm(), rtol=1e-5, atol=0)
