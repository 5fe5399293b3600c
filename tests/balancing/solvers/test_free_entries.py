"""Linear systems of some rows and columns."""

import numpy as np
import pytest

from polytask.balancing.solvers.free_entries import inverse_of_definite, solve_free


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


def test_an_inverse_is_symmetric_and_lies_row_by_row_as_rows_are_taken_out_of_it():
    rows = np.random.default_rng(0).normal(size=(30, 40))
    inverse = inverse_of_definite(rows @ rows.T)
    np.testing.assert_allclose(inverse @ rows @ rows.T, np.eye(30), atol=1e-8)
    assert inverse.flags.c_contiguous and (inverse == inverse.T).all()
