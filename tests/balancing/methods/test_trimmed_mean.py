"""The trimmed mean against TorchJD's."""

import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import rows_of, weights

from polytask.balancing.methods import TrimmedMean


def test_trimmed_mean_equals_that_of_torchjd():
    rows = rows_of(7)
    torch.testing.assert_close(
        weights(TrimmedMean(n_trimmed=2), rows, "abcdefg"),
        7 * reference.TrimmedMean(trim_number=2)(rows),
    )


def test_among_few_objectives_fewer_are_trimmed():
    rows = torch.tensor([[1.0, -2.0], [4.0, 6.0], [9.0, 0.0]]).double()
    for n, expected in ((1, [1.0, -2.0]), (2, [5.0, 4.0]), (3, [12.0, 0.0])):
        torch.testing.assert_close(
            weights(TrimmedMean(n_trimmed=4), rows[:n], "abc"[:n]), torch.tensor(expected).double()
        )
