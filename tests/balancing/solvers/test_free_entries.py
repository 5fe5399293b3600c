"""Linear systems of some rows and columns."""

import numpy as np
import pytest

from polytask.balancing.solvers.free_entries import solve_free


@pytest.mark.parametrize("n", [1, 6, 60])
def test_the_free_entries_solve_their_equations_and_the_others_are_zero(n):
    draw = np.random.default_rng(n)
    rows = draw.normal(size=(n, n + 5))
    matrix, right = rows @ rows.T, draw.normal(size=(4, n))
    free = draw.random((4, n)) < np.array([0.0, 0.3, 0.8, 1.0])[:, None]
    solved = solve_free(matrix, right, free)
    assert not solved[~free].any()
    np.testing.assert_allclose((solved @ matrix)[free], right[free], atol=1e-8)


@pytest.mark.parametrize("n", [2, 40])
def test_a_system_that_is_singular_is_refused(n):
    with pytest.raises(np.linalg.LinAlgError):
        solve_free(np.zeros((n, n)), np.ones((3, n)), np.ones((3, n), dtype=bool))
