"""Many linear systems of one matrix, each of its own rows and columns."""

import numpy as np
from scipy.linalg.lapack import dposv

from polytask.balancing.solvers.scaled import Flags, Floats

__all__ = ["solve_free"]

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
            solved[row, entries] = _solve(matrix.take(entries, 0).take(entries, 1), right[row, entries])
    elif most:
        # Systems as large as the largest: the free entries first, then equations x = 0.
        entries = np.argsort(~free, axis=1, kind="stable")[:, :most]
        inside = np.take_along_axis(free, entries, 1)
        systems = matrix[entries[:, :, None], entries[:, None, :]]
        if not inside.all():
            systems *= inside[:, :, None] & inside[:, None, :]
            diagonal = np.arange(most)
            systems[:, diagonal, diagonal] += ~inside
        wanted = np.take_along_axis(right, entries, 1) * inside
        np.put_along_axis(solved, entries, np.linalg.solve(systems, wanted[..., None])[..., 0], 1)
    return solved


def _solve(system: Floats, right: Floats) -> Floats:
    _, solved, failed = dposv(system.T, right, lower=1, overwrite_a=0)
    return np.linalg.solve(system, right) if failed else solved
