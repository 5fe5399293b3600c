"""Solvers against TorchJD, optimality conditions and known solutions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import (
    CAGradWeighting,
    ConFIG,
    DualProjWeighting,
    FairGradWeighting,
    MGDAWeighting,
    UPGradWeighting,
)
from torchjd.linalg import QuadprogProjector

from polytask.balancing.solvers import (
    bargain,
    conflict_averse,
    project_onto_dual_cone,
    shortest_in_hull,
    unit_progress,
)
from polytask.balancing.solvers.complementarity import nonnegative_minimum
from polytask.core import InputError, TrainingError

KINDS = ("independent", "conflicting", "of low rank", "of unequal lengths")
gramians = pytest.mark.parametrize("kind", KINDS)
sizes = pytest.mark.parametrize("n", [1, 2, 3, 11, 40])
SOLVERS = [
    bargain,
    conflict_averse,
    shortest_in_hull,
    unit_progress,
    lambda gramian: project_onto_dual_cone(gramian, torch.eye(gramian.shape[-1]))[..., 0, :],
]
solvers = pytest.mark.parametrize("solve", SOLVERS, ids=["bargain", "cagrad", "mgda", "config", "cone"])


def rows_of(kind: str, n: int, seed: int = 0) -> torch.Tensor:
    """Gradients ``[objective, parameter]`` of a kind."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, max(1, n // 2) if kind == "of low rank" else 60, generator=draw).double()
    if kind == "conflicting":
        rows = rows - 0.9 * rows.mean(0)
    if kind == "of unequal lengths":
        rows = rows * torch.logspace(-2, 2, n, dtype=torch.float64)[:, None]
    return rows


def gramian_of(kind: str, n: int, seed: int = 0) -> torch.Tensor:
    rows = rows_of(kind, n, seed)
    return rows @ rows.T


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


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


@gramians
@sizes
def test_no_convex_combination_is_shorter_than_that_of_mgda(kind, n):
    gramian = gramian_of(kind, n)
    weights = shortest_in_hull(gramian)
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0).double())
    assert bool((weights >= 0).all())
    # The optimality condition on the simplex: no vertex lies below the point found.
    found = weights @ gramian @ weights
    assert bool((gramian @ weights >= found - 1e-7 * gramian.diagonal().min().clamp(min=found)).all())


def test_mgda_is_closer_than_the_frank_wolfe_method_of_torchjd():
    gramian = gramian_of("independent", 11)
    theirs = MGDAWeighting(epsilon=1e-9, max_iters=100_000)(gramian)
    ours = shortest_in_hull(gramian)
    assert error(ours, theirs) < 1e-2
    assert float(ours @ gramian @ ours) <= float(theirs @ gramian @ theirs) + 1e-12


@pytest.mark.parametrize("kind", ["independent", "of unequal lengths"])
@sizes
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_every_gain_of_the_bargain_is_a_power_of_its_weight(kind, n, alpha):
    gramian = gramian_of(kind, n)
    weights = bargain(gramian, alpha=alpha)
    torch.testing.assert_close(gramian @ weights, weights ** (-1 / alpha), rtol=1e-7, atol=0)


def test_where_gradients_oppose_each_other_the_bargain_is_equal_and_finite():
    opposed = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    weights = bargain(opposed)
    assert bool(weights.isfinite().all())
    torch.testing.assert_close(weights[0], weights[1])


def test_the_bargain_of_fair_grad_equals_that_of_torchjd():
    gramian = gramian_of("independent", 5) / 60
    torch.testing.assert_close(
        bargain(gramian, alpha=2.0), FairGradWeighting(alpha=2.0)(gramian), rtol=1e-5, atol=0
    )


def test_a_longer_gradient_gets_a_shorter_weight_in_the_bargain():
    gramian = gramian_of("independent", 4)
    scale = torch.tensor([1.0, 10.0, 0.1, 3.0]).double()
    torch.testing.assert_close(
        bargain(gramian * torch.outer(scale, scale)), bargain(gramian) / scale, rtol=1e-9, atol=0
    )


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


@gramians
@sizes
def test_config_from_the_gramian_equals_that_from_the_jacobian_of_torchjd(kind, n):
    rows = rows_of(kind, n)
    difference = unit_progress(rows @ rows.T) @ rows - ConFIG()(rows)
    assert float(difference.norm() / rows.norm()) < 1e-6


@solvers
def test_many_gramians_at_once_give_what_each_gives_alone(solve):
    stack = torch.stack([gramian_of("independent", 4, seed) for seed in range(6)]).view(2, 3, 4, 4)
    torch.testing.assert_close(solve(stack)[1, 2], solve(stack[1, 2]), rtol=1e-9, atol=1e-12)


@solvers
@settings(max_examples=25, deadline=None)
@given(scale=st.floats(-12, 12), seed=st.integers(0, 1000))
def test_the_unit_of_the_losses_changes_no_direction(solve, scale, seed):
    gramian = gramian_of("independent", 4, seed)
    first, second = solve(gramian), solve(gramian * 10**scale)
    torch.testing.assert_close(first / first.norm(), second / second.norm(), rtol=1e-6, atol=1e-8)


@solvers
def test_zero_gradients_are_survived(solve, request):
    gramian, others = gramian_of("independent", 4), [0, 2, 3]
    gramian[1], gramian[:, 1] = 0, 0
    weights, alone = solve(gramian), solve(gramian[others][:, others])
    method = request.node.callspec.id
    if method == "mgda":  # the shortest vector is the zero gradient
        assert weights.tolist() == [0, 1, 0, 0]
    elif method == "cagrad":  # the zero gradient is part of the average, and gains nothing by any direction
        assert float(weights[1]) == 0.25 and bool((weights >= 0.25 - 1e-9).all())
    else:
        assert float(weights[1]) == 0
        torch.testing.assert_close(weights[others], alone, rtol=1e-6, atol=1e-9)
    assert bool(solve(torch.zeros(3, 3)).isfinite().all())


@solvers
def test_a_gramian_in_single_precision_is_answered_in_single_precision(solve):
    gramian = gramian_of("of low rank", 9).float()
    weights = solve(gramian)
    assert weights.dtype == torch.float32
    assert bool(weights.isfinite().all())
    exact = solve(gramian_of("independent", 9))
    torch.testing.assert_close(
        solve(gramian_of("independent", 9).float()).double(), exact, rtol=1e-3, atol=1e-4
    )


@solvers
def test_a_gramian_that_is_not_finite_is_refused(solve):
    with pytest.raises(InputError, match="not finite"):
        solve(torch.tensor([[1.0, torch.nan], [torch.nan, 1.0]]))


@solvers
def test_a_gramian_that_is_not_square_is_refused(solve):
    with pytest.raises(InputError, match="objective, objective"):
        solve(torch.ones(2, 3))


def test_a_radius_outside_its_range_is_refused():
    with pytest.raises(InputError, match=r"`c` must be at least 0 and below 1, got 1\.5"):
        conflict_averse(torch.eye(2), c=1.5)


def test_an_alpha_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="`alpha` must be positive, got 0"):
        bargain(torch.eye(2), alpha=0)


def test_a_regularization_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="`regularization` must be positive, got 0"):
        project_onto_dual_cone(torch.eye(2), torch.eye(2), regularization=0)


def test_a_quadratic_without_minimum_is_named():
    with pytest.raises(TrainingError, match="A quadratic program of 2 objectives was not solved"):
        nonnegative_minimum(-torch.eye(2).double(), torch.tensor([-1.0, -1.0]).double())


@pytest.mark.parametrize("angle", [1e-2, 1e-5, 1e-8, 0.0])
@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bargain_is_found_beside_gradients_that_nearly_cancel(angle, ratio, alpha, dtype):
    against = math.pi - angle
    rows = torch.tensor(
        [[1.0, 0, 0], [math.cos(against) * ratio, math.sin(against) * ratio, 0], [0.3, 0.2, 0.9]]
    ).double()
    weights = bargain((rows @ rows.T).to(dtype), alpha=alpha)
    assert bool((weights.isfinite() & (weights > 0)).all())
