"""What all solvers keep: scales, zeros, precisions and what they refuse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.balancing.solvers.gramians import gramian_of

from polytask.balancing.solvers import (
    bargain,
    conflict_averse,
    project_onto_dual_cone,
    shortest_in_hull,
    unit_progress,
)
from polytask.core import InputError

SOLVERS = [
    bargain,
    conflict_averse,
    shortest_in_hull,
    unit_progress,
    lambda gramian: project_onto_dual_cone(gramian, torch.eye(gramian.shape[-1]))[..., 0, :],
]


solvers = pytest.mark.parametrize("solve", SOLVERS, ids=["bargain", "cagrad", "mgda", "config", "cone"])


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
