"""FairGrad against TorchJD's."""

import torch
from tests.balancing.methods.gradients import rows_of, weights
from torchjd.aggregation import FairGradWeighting

from polytask.balancing.methods import FairGrad


def test_fair_grad_has_the_direction_of_torchjd():
    rows = rows_of(3, 1) / 10
    theirs = FairGradWeighting(alpha=2.0)(rows @ rows.T)
    ours = weights(FairGrad(alpha=2.0), rows)
    torch.testing.assert_close(ours / ours.norm(), theirs / theirs.norm(), rtol=1e-5, atol=1e-8)
