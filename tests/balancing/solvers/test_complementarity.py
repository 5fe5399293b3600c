"""Nonnegative quadratics."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from tests.balancing.solvers.gramians import KINDS, gramian_of

from polytask.balancing.solvers.complementarity import minima_of_one_matrix, nonnegative_minimum
from polytask.balancing.solvers.scaled import cosines
from polytask.core import TrainingError


def quadratics(kind: str, n: int, ridge: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrix and the linear terms of UPGrad's projections."""
    angles, lengths = map(torch.from_numpy, cosines(gramian_of(kind, n).numpy()))
    matrix = angles + ridge * torch.eye(n).double()
    return matrix, torch.diag(lengths) @ matrix


def out_of_place(matrix: torch.Tensor, linear: torch.Tensor, solved: torch.Tensor) -> float:
    """By how much the conditions of a minimum are missed, relative to the linear term."""
    slopes = solved @ matrix + linear
    unit = linear.abs().amax(-1, keepdim=True)
    assert bool((solved >= 0).all())
    return max(float((-slopes / unit).max()), float((slopes * solved / unit).abs().max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [3, 12, 40, 90])
def test_the_conditions_of_a_minimum_hold(kind, n):
    matrix, linear = quadratics(kind, n, 1e-9)
    assert out_of_place(matrix, linear, nonnegative_minimum(matrix, linear)) < 1e-8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [5, 45])
def test_problems_solved_together_are_those_of_least_squares_with_nonnegative_unknowns(kind, n):
    matrix, linear = quadratics(kind, n, 1e-3)
    root = np.linalg.cholesky(matrix.numpy())
    wanted = [nnls(root.T.copy(), -np.linalg.solve(root, each.numpy()))[0] for each in linear]
    solved = nonnegative_minimum(matrix, linear)
    torch.testing.assert_close(solved, torch.tensor(np.array(wanted)), rtol=1e-7, atol=1e-9)
    for index in (0, n // 2):
        torch.testing.assert_close(
            nonnegative_minimum(matrix, linear[index]), solved[index], rtol=1e-7, atol=1e-9
        )


def test_many_gradients_in_few_dimensions_are_solved():
    # Changing all entries on the wrong side together cycles here, and changing one at a time takes for ever.
    matrix, linear = quadratics("of low rank", 120, 1e-10)
    assert out_of_place(matrix, linear, nonnegative_minimum(matrix, linear)) < 1e-8


def test_matrices_of_their_own_and_matrices_that_are_shared():
    first, second = (quadratics(kind, 9, 1e-6) for kind in ("independent", "conflicting"))
    both = nonnegative_minimum(
        torch.stack([first[0], second[0]])[:, None], torch.stack([first[1], second[1]])
    )
    torch.testing.assert_close(both[0], nonnegative_minimum(*first))
    torch.testing.assert_close(both[1], nonnegative_minimum(*second))


def test_where_the_start_is_changes_nothing():
    matrix, linear = quadratics("conflicting", 15, 1e-6)
    wanted = nonnegative_minimum(matrix, linear)
    for free in (torch.zeros(15, 15), torch.ones(15, 15)):
        torch.testing.assert_close(nonnegative_minimum(matrix, linear, start=free.bool()), wanted)


def test_without_tensors_around_it_the_same_comes_out():
    matrix, linear = quadratics("independent", 7, 1e-6)
    solved = minima_of_one_matrix(matrix.numpy(), linear.numpy())
    assert torch.equal(torch.from_numpy(solved), nonnegative_minimum(matrix, linear))


def test_a_quadratic_without_minimum_is_named():
    with pytest.raises(TrainingError, match="A quadratic program of 2 objectives was not solved"):
        nonnegative_minimum(-torch.eye(2).double(), torch.tensor([-1.0, -1.0]).double())
