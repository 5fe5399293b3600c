"""Projections onto the dual cone against TorchJD's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.balancing.solvers.gramians import error, gramian_of, sizes
from torchjd.aggregation import DualProjWeighting, UPGradWeighting
from torchjd.linalg import QuadprogProjector

from polytask.balancing.solvers import project_onto_dual_cone
from polytask.core import InputError


@pytest.mark.parametrize("kind", ["independent", "conflicting"])
@sizes
def test_upgrad_and_dual_proj_weights_equal_those_of_torchjd(kind, n):
    gramian, exact = gramian_of(kind, n), QuadprogProjector(reg_eps=1e-11)
    projected = project_onto_dual_cone(gramian, torch.eye(n) / n, regularization=1e-11)
    assert error(projected.sum(0), UPGradWeighting(projector=exact)(gramian)) < 1e-6
    projected = project_onto_dual_cone(gramian, torch.ones(1, n) / n, regularization=1e-11)
    assert error(projected[0], DualProjWeighting(projector=exact)(gramian)) < 1e-6


def of_lengths(n: int, m: int, seed: int, spread: float) -> torch.Tensor:
    """Gradients of random directions whose lengths differ up to 10 to the power of `spread`-fold."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, m, generator=draw, dtype=torch.float64)
    exponents = torch.rand(n, 1, generator=draw, dtype=torch.float64)
    exponents[0], exponents[-1] = 0, 1
    return rows / rows.norm(dim=1, keepdim=True) * 10 ** (spread * (exponents - 0.5))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 5), extra=st.integers(-1, 5), seed=st.integers(0, 10_000), spread=st.floats(0, 6))
def test_a_projection_is_the_nearest_point_that_hurts_no_gradient_however_short(n, extra, seed, spread):
    rows = of_lengths(n, max(2, n + extra), seed, spread)
    lengths, gramian = rows.norm(dim=1), rows @ rows.T
    for wanted in (torch.eye(n).double(), torch.ones(1, n).double()):
        for combination in wanted:
            weights = project_onto_dual_cone(gramian, combination[None])[0]
            progress = gramian @ weights / lengths  # along each unit gradient
            size = float((combination @ rows).norm())
            assert float(progress.min()) > -1e-4 * size
            # The conditions of the nearest point: gradients are added only to those they keep from harm.
            added = (weights - combination) * lengths
            assert float(added.min()) >= -1e-12 * size
            assert float((added * progress).abs().max()) < 1e-4 * size**2


def test_the_cone_takes_opposed_gradients_apart():
    opposed = torch.tensor([[1.0, -0.5], [-0.5, 1.0]], dtype=torch.float64)
    weights = project_onto_dual_cone(opposed, torch.eye(2), regularization=1e-12)
    torch.testing.assert_close(weights, torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double())


def test_a_regularization_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="`regularization` must be positive, got 0"):
        project_onto_dual_cone(torch.eye(2), torch.eye(2), regularization=0)
