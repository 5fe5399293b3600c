"""DualProj against TorchJD's."""

import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import rows_of, weights
from torchjd.linalg import QuadprogProjector

from polytask.balancing.methods import DualProj


def test_it_is_the_aggregator_of_torchjd_times_the_number_of_objectives():
    rows = rows_of()
    theirs = reference.DualProj(projector=QuadprogProjector(reg_eps=1e-10))(rows)
    torch.testing.assert_close(weights(DualProj(), rows) @ rows, 3 * theirs, rtol=1e-6, atol=1e-9)
