"""Convex quadratics over the non-negative numbers, many at once.

An entry of the minimizer is either free, and has slope zero, or zero, and has a slope that is not negative.
So all that is sought is which entries are free; a linear system of that many unknowns says the rest. Many
problems of one matrix first take a few projected steps together, which cost a matrix product each and leave
few entries on the wrong side. Where most entries are free, the slopes of the few others are the smaller
system, in the inverse matrix.
"""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polytask.balancing.solvers.free_entries import solve_free
from polytask.balancing.solvers.scaled import Flags, Floats, in_float64
from polytask.core import TrainingError

__all__ = ["minima_of_one_matrix", "nonnegative_minimum"]

_PATIENCE = 3
_TOGETHER = 8
"""From so many problems of one matrix on, projected steps and an inverse pay."""
_PROJECTED_STEPS = 8
_CONDITION = 4e6
"""An inverse of a worse condition would cost digits that the answer needs."""


def nonnegative_minimum(matrix: Tensor, linear: Tensor, *, start: Tensor | None = None) -> Tensor:
    r"""Minimize convex quadratics over the non-negative numbers.

    .. math:: \min_{x \ge 0} \tfrac12 x^\top Q x + q^\top x

    All entries that break their side change it together. Where that stops helping a problem, it is solved as
    least squares with non-negative unknowns, one entry after the other, which cannot cycle.

    Args:
        matrix: :math:`Q`, positive definite with a diagonal near 1, float64 ``[..., entry, entry]``.
        linear: :math:`q`, ``[..., entry]``; leading dimensions broadcast against those of ``matrix``.
        start: The entries believed to be free, bool ``[..., entry]``.

    Returns:
        The minimizers, ``[..., entry]``.

    Raises:
        TrainingError: No minimizer was found; the matrix is not positive definite.

    Example:
        >>> nonnegative_minimum(torch.eye(2).double(), torch.tensor([-3.0, 1.0]).double())
        tensor([3., 0.], dtype=torch.float64)

    References:
        Joaquim Júdice, Fernanda Pires, "A block principal pivoting algorithm for large-scale strictly
        monotone linear complementarity problems", Computers & Operations Research, 1994; Charles Lawson,
        Richard Hanson, "Solving Least Squares Problems", 1974, chapter 23 (where pivoting stops helping).
    """
    n = linear.shape[-1]
    lead = torch.broadcast_shapes(matrix.shape[:-2], linear.shape[:-1])
    matrices = matrix.reshape(-1, n, n).numpy()  # each may belong to many problems
    linears = linear.expand(*lead, n).reshape(-1, n).numpy()
    free = None if start is None else start.expand(*lead, n).reshape(-1, n).numpy()
    if len(matrices) == 1:
        return torch.from_numpy(minima_of_one_matrix(matrices[0], linears, free)).view(*lead, n)
    owners = torch.arange(len(matrices)).view(matrix.shape[:-2]).expand(lead).reshape(-1).numpy()
    result = np.empty_like(linears)
    for index, one in enumerate(matrices):
        mine = owners == index
        result[mine] = minima_of_one_matrix(one, linears[mine], None if free is None else free[mine])
    return torch.from_numpy(result).view(*lead, n)


def minima_of_one_matrix(matrix: Floats, linear: Floats, start: Flags | None = None) -> Floats:
    """Do as `nonnegative_minimum` for problems of one matrix, without tensors around it.

    Args:
        matrix: ``[entry, entry]``.
        linear: ``[problem, entry]``.
        start: The entries believed to be free, ``[problem, entry]``, or None.

    Returns:
        The minimizers, ``[problem, entry]``.

    Raises:
        TrainingError: As `nonnegative_minimum`.
    """
    n_problems, n = linear.shape
    try:
        system = _System(matrix, linear, many=n_problems >= _TOGETHER)
        free = system.guess() if start is None else start
        result = np.zeros_like(linear)
        best, patience = np.full(n_problems, n + 1), np.full(n_problems, _PATIENCE)
        rows = np.arange(n_problems)  # the problems still open
        while len(rows):
            entries, wrong = system.attempt(rows, free)
            count = wrong.sum(1)
            done = count == 0
            if done.any():
                result[rows[done]] = entries[done]
            patience = np.where(count < best, _PATIENCE, patience - 1)
            best = np.minimum(best, count)
            stuck = (patience < 0) & ~done
            for row in rows[stuck]:
                result[row] = system.least_squares(row)
            open_ = ~(done | stuck)
            rows, free, best, patience = rows[open_], free[open_] ^ wrong[open_], best[open_], patience[open_]
        return result
    except (np.linalg.LinAlgError, RuntimeError) as error:  # singular, indefinite, or too many iterations
        raise TrainingError(
            f"A quadratic program of {n} objectives was not solved ({error}). "
            f"{in_float64()}, or look for gradients of very different lengths."
        ) from error


class _System:
    """Problems of one matrix, and of its inverse where that is near enough."""

    def __init__(self, matrix: Floats, linear: Floats, *, many: bool) -> None:
        self.matrix, self.linear, self.many = matrix, linear, many
        self.unit = np.abs(linear).max(1, keepdims=True)
        self.inverse: Floats | None = None
        self.rounding = 1e-13
        if many:
            inverse = np.linalg.inv(matrix)
            condition = float(np.abs(matrix).sum(1).max() * np.abs(inverse).sum(1).max())
            if condition < _CONDITION:
                self.inverse = (inverse + inverse.T) / 2
                self.lowest = -(linear @ self.inverse)  # the minimizer without bounds
                self.rounding = max(self.rounding, 4e-16 * condition)

    def guess(self) -> Flags:
        """Return the entries that look free after a few accelerated steps that are cut off at zero."""
        if not self.many:
            return self.linear < 0
        rate = 1 / np.sqrt(
            np.abs(self.matrix @ self.matrix).sum(1).max()
        )  # at most 1 / the largest eigenvalue
        last, ahead, pace = np.zeros_like(self.linear), np.zeros_like(self.linear), 1.0
        for _ in range(_PROJECTED_STEPS):
            now = np.maximum(ahead - rate * (ahead @ self.matrix + self.linear), 0)
            next_pace = (1 + np.sqrt(1 + 4 * pace**2)) / 2
            last, ahead, pace = now, now + (pace - 1) / next_pace * (now - last), next_pace
        return last > 0

    def attempt(self, rows: NDArray[np.intp], free: Flags) -> tuple[Floats, Flags]:
        """Solve problems with these entries free; return the minimizers and what is on the wrong side."""
        few = free.sum(1) * 2 <= free.shape[1] if self.inverse is not None else np.ones(len(rows), dtype=bool)
        entries, slopes = np.empty_like(self.linear[rows]), np.empty_like(self.linear[rows])
        if few.any():
            linear = self.linear[rows[few]]
            entries[few] = solve_free(self.matrix, -linear, free[few])
            slopes[few] = entries[few] @ self.matrix + linear
        if self.inverse is not None and not few.all():
            lowest = self.lowest[rows[~few]]
            slopes[~few] = solve_free(self.inverse, -lowest, ~free[~few])
            entries[~few] = slopes[~few] @ self.inverse + lowest
        below = entries < -self.rounding * np.abs(entries).max(1, keepdims=True)
        downhill = slopes < -max(1e-12, self.rounding) * self.unit[rows]
        return np.where(free, entries.clip(min=0), 0.0), np.where(free, below, downhill)

    def least_squares(self, row: int) -> Floats:
        """Return the minimizer of one problem, adding or dropping one entry at a time."""
        from scipy.optimize import nnls  # here, as it takes a while to import

        return nnls(self.root.T.copy(), -np.linalg.solve(self.root, self.linear[row]))[0]

    @cached_property
    def root(self) -> Floats:
        """The matrix is its product with its transpose."""
        return np.linalg.cholesky(self.matrix)
