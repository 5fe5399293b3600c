"""MGDA against TorchJD's."""

import torch
from tests.balancing.methods.gradients import rows_of, weights
from torchjd.aggregation import MGDAWeighting

from polytask.balancing.methods import MGDA


def test_mgda_follows_the_shortest_vector_of_torchjd():
    rows = rows_of()
    theirs = MGDAWeighting(epsilon=1e-12, max_iters=100_000)(rows @ rows.T)
    torch.testing.assert_close(weights(MGDA(), rows), 3 * theirs, rtol=1e-3, atol=1e-3)
