"""IMTL-G against TorchJD's."""

import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import of_lengths, weights

from polytask.balancing.methods import IMTLG


def test_imtl_g_is_that_of_torchjd_where_its_weights_have_a_positive_sum():
    sums = []
    for seed in range(20):
        rows = of_lengths(4, 9, seed, 2.0)
        theirs, ours = 4 * reference.IMTLGWeighting()(rows @ rows.T), weights(IMTLG(), rows, "abcd")
        sums.append(float(ours.sum()))
        torch.testing.assert_close(ours, theirs * (1 if sums[-1] > 0 else -1), rtol=1e-8, atol=1e-9)
    assert {round(each, 6) for each in sums} == {4.0, -4.0}
