"""Quadratics over the simplex, against the conditions of optimality."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polytask.balancing.solvers import shortest_in_hull
from polytask.balancing.solvers.simplex_quadratic import simplex_minimum
from polytask.core import InputError, generator


def problem(n: int, rank: int, scale: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = generator(seed, "problem")
    rows = torch.randn(n, rank, generator=draw, dtype=torch.float64) * scale
    return rows @ rows.T, torch.randn(n, generator=draw, dtype=torch.float64)


@settings(deadline=None, max_examples=100)
@example(n=2, rank=1, scale=1.0, seed=5)  # the sum of the weights jumps past 1 at one price
@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1e-4, 0.3, 1.0, 30.0, 1e4]), st.integers(0, 10**6)
)
def test_no_entry_with_weight_has_a_slope_above_that_of_another(n, rank, scale, seed):
    matrix, linear = problem(n, rank, scale, seed)
    weights = simplex_minimum(matrix, linear)
    assert bool((weights >= 0).all()) and float(weights.sum()) == pytest.approx(1)
    slope = matrix @ weights + linear
    size = max(float(matrix.abs().max()), float(linear.abs().max()))
    assert float(slope[weights > 1e-9].max() - slope.min()) <= 1e-6 * size


@pytest.mark.parametrize("seed", range(5))
def test_without_a_linear_part_it_is_the_shortest_vector_of_the_hull(seed):
    matrix, linear = problem(5, 8, 1.0, seed)
    torch.testing.assert_close(
        simplex_minimum(matrix, 0 * linear), shortest_in_hull(matrix), rtol=1e-6, atol=1e-7
    )


def test_a_matrix_that_is_negative_by_rounding_is_taken_as_zero():
    found = simplex_minimum(torch.tensor([[1.0, 1.0], [1.0, 1.0 - 1e-7]]), torch.tensor([0.0, 0.0]))
    torch.testing.assert_close(found.sum(), torch.tensor(1.0).double())


def test_a_matrix_that_is_not_finite_is_refused():
    with pytest.raises(InputError, match="not finite"):
        simplex_minimum(torch.full((2, 2), float("nan")), torch.zeros(2))
