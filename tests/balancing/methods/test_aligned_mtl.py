"""Aligned-MTL against TorchJD's."""

import pytest
import torch
import torchjd.aggregation as reference
from tests.balancing.methods.gradients import of_lengths, weights

from polytask.balancing.methods import AlignedMTL


@pytest.mark.parametrize("spread", [0.0, 2.0, 4.0])
def test_aligned_mtl_is_that_of_torchjd_in_float32_too(spread):
    for seed in range(5):
        rows = of_lengths(4, 9, seed, spread)
        theirs = 4 * reference.AlignedMTL()(rows)
        torch.testing.assert_close(weights(AlignedMTL(), rows, "abcd") @ rows, theirs, rtol=1e-6, atol=0)
        single = weights(AlignedMTL(), rows.float(), "abcd").double() @ rows
        assert float((single - theirs).norm() / theirs.norm()) < 1e-4


def test_aligned_mtl_counts_a_repeated_gradient_once():
    rows = torch.randn(3, 9, generator=torch.Generator().manual_seed(0))
    twice = rows[[0, 1, 1, 2]] * torch.tensor([1.0, 1.0, 1e-3, 1.0])[:, None]
    update = weights(AlignedMTL(), twice, "abcd") @ twice
    alone = reference.AlignedMTL()(rows.double()).float() * 3
    assert float(torch.cosine_similarity(update, alone, dim=0)) > 0.95
    assert float(update.norm() / alone.norm()) > 0.5
