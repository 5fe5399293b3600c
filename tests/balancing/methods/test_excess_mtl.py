"""ExcessMTL against TorchJD's."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, weights
from torchjd.aggregation import ExcessMTLWeighting

from polytask.balancing.methods import ExcessMTL


def test_excess_mtl_equals_that_of_torchjd_after_a_warm_up():
    ours, theirs = (
        ExcessMTL(NAMES, rate=0.5, n_warmup_steps=2),
        ExcessMTLWeighting(robust_step_size=0.5, n_warmup_steps=2),
    )
    for rows in rows_of(3, 9, steps=5):
        torch.testing.assert_close(weights(ours, rows), 3 * theirs(rows), rtol=1e-4, atol=1e-4)
