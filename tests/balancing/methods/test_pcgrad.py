"""PCGrad against TorchJD's."""

import torch
from tests.balancing.methods.gradients import rows_of, weights
from torchjd.aggregation import PCGradWeighting

from polytask.balancing.methods import PCGrad


def test_pcgrad_draws_another_order_every_time():
    rows = rows_of(5)
    torch.manual_seed(0)
    assert not torch.equal(weights(PCGrad(), rows, "abcde"), weights(PCGrad(), rows, "abcde"))


def test_pcgrad_of_two_objectives_equals_that_of_torchjd():
    rows = rows_of(2)
    torch.testing.assert_close(weights(PCGrad(), rows, "ab"), PCGradWeighting()(rows @ rows.T))
