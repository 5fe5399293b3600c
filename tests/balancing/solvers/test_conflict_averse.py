"""CAGrad's weights against TorchJD's, and by their duality gap."""

import pytest
import torch
from tests.balancing.solvers.gramians import KINDS, error, gramian_of, gramians, sizes
from torchjd.aggregation import CAGradWeighting

from polytask.balancing.solvers import conflict_averse
from polytask.core import InputError


@pytest.mark.parametrize("kind", KINDS[:3])
@sizes
def test_cagrad_serves_the_worst_off_objective_no_worse_than_torchjd(kind, n):
    gramian = gramian_of(kind, n)
    ours, theirs = conflict_averse(gramian, c=0.4), CAGradWeighting(c=0.4, norm_eps=1e-9)(gramian)
    assert error(ours, theirs) < 2e-3  # their solver stops early; ours closes the gap, see the next test
    gain = (gramian @ ours).min()
    assert gain >= (gramian @ theirs).min() - 1e-6 * gain.abs()


@gramians
@sizes
def test_cagrad_closes_the_duality_gap(kind, n):
    gramian = gramian_of(kind, n)
    weights = conflict_averse(gramian, c=0.4)
    average = torch.full((n,), 1 / n).double()
    moved = weights - average
    radius = 0.4 * (average @ gramian @ average).sqrt()
    assert float((moved @ gramian @ moved).sqrt() / radius) == pytest.approx(1, rel=1e-4)
    convex = moved / moved.sum()
    dual = convex @ gramian @ average + radius * (convex @ gramian @ convex).clamp(min=0).sqrt()
    assert float((gramian @ weights).min()) == pytest.approx(float(dual), rel=1e-5, abs=1e-7)


def test_a_radius_outside_its_range_is_refused():
    with pytest.raises(InputError, match=r"`c` must be at least 0 and below 1, got 1\.5"):
        conflict_averse(torch.eye(2), c=1.5)
