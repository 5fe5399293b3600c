"""GradDrop against TorchJD's."""

import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import rows_of, weights

from polytask.balancing.methods import GradDrop
from polytask.core import seeded


def test_it_draws_what_that_of_torchjd_draws():
    rows = rows_of()
    for seed in range(3):
        with seeded(seed):
            theirs = reference.GradDrop()(rows)
        with seeded(seed):
            torch.testing.assert_close(weights(GradDrop(), rows), theirs)


def test_where_all_signs_agree_nothing_is_dropped():
    rows = rows_of().abs()
    torch.testing.assert_close(weights(GradDrop(), rows), rows.sum(0))
