"""Many linear systems of one matrix, each of its own rows and columns."""

import numpy as np
from scipy.linalg.lapack import dposv, dpotrf, dpotri

from polytask.balancing.solvers.scaled import Flags, Floats

__all__ = ["inverse_of_definite", "solve_definite", "solve_free"]

_ALONE = 32
"""From so many unknowns on, systems are solved one by one: solving then takes longer than asking for it."""


def solve_free(matrix: Floats, right: Floats, free: Flags) -> Floats:
    """Solve ``matrix @ x = right`` in the free entries; the others are zero, and their equations are dropped.

    Args:
        matrix: Positive definite, ``[entry, entry]``.
        right: ``[problem, entry]``.
        free: ``[problem, entry]``.

    Returns:
        The solutions, ``[problem, entry]``.

    Raises:
        numpy.linalg.LinAlgError: A system is singular.

    Example:
        >>> solve_free(2 * np.eye(2), np.array([[4.0, 6.0]]), np.array([[True, False]]))
        array([[2., 0.]])
    """
    solved = np.zeros_like(right)
    counts = free.sum(1)
    most = int(counts.max(initial=0))
    if most >= _ALONE or len(right) == 1:
        for row in np.flatnonzero(counts):
            entries = np.flatnonzero(free[row])
            system = matrix.take(entries, 0).take(entries, 1)
            solved[row, entries] = solve_definite(system, right[row, entries])
    elif most:
        # Systems as large as the largest: the free entries first, then equations x = 0.
        rows, columns = np.nonzero(free)
        place = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
        entries = np.zeros((len(right), most), dtype=np.intp)
        entries[rows, place] = columns
        systems = matrix[entries[:, :, None], entries[:, None, :]]
        wanted = np.zeros((len(right), most))
        wanted[rows, place] = right[rows, columns]
        if len(rows) < wanted.size:
            inside = np.arange(most) < counts[:, None]
            systems *= inside[:, :, None] & inside[:, None, :]
            diagonal = np.arange(most)
            systems[:, diagonal, diagonal] += ~inside
        solved[rows, columns] = np.linalg.solve(systems, wanted[..., None])[rows, place, 0]
    return solved


def solve_definite(system: Floats, right: Floats) -> Floats:
    """Solve ``system @ x = right``, for a system that is symmetric and should be positive definite.

    Args:
        system: ``[entry, entry]``.
        right: ``[entry]``.

    Raises:
        numpy.linalg.LinAlgError: The system is singular.
    """
    _, solved, failed = dposv(system.T, right, lower=1, overwrite_a=0)
    return np.linalg.solve(system, right) if failed else solved


def inverse_of_definite(matrix: Floats) -> Floats:
    """Return the inverse of a matrix that is symmetric and should be positive definite, ``[entry, entry]``.

    Raises:
        numpy.linalg.LinAlgError: The matrix is singular.
    """
    root, failed = dpotrf(matrix.T, lower=1, clean=1)
    if failed:
        inverse = np.linalg.inv(matrix)
        return (inverse + inverse.T) / 2
    half = dpotri(root, lower=1)[0]  # the lower half, column by column
    return (half + np.tril(half, -1).T).T  # row by row, as rows are what is taken out of it
