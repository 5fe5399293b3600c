"""Convex quadratics over the non-negative numbers, many at once.

An entry of the minimizer is either free, and has slope zero, or zero, and has a slope that is not negative.
So all that is sought is which entries are free; a linear system of that many unknowns says the rest. Many
problems of one matrix first take a few projected steps together, which cost a matrix product each and leave
few entries on the wrong side. Where most entries are free, the slopes of the few others are the smaller
system, in the inverse matrix.
"""

import math
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polytask.balancing.solvers.free_entries import inverse_of_definite, solve_definite, solve_free
from polytask.balancing.solvers.scaled import Flags, Floats, in_float64
from polytask.core import TrainingError

__all__ = ["minima_of_one_matrix", "nonnegative_minima", "nonnegative_minimum"]

_PATIENCE = 3
_TINY = 1e-300
_ROUNDING, _ROUNDING_OF_SLOPES = 1e-13, 1e-12  # beside the largest entry, and the largest linear term
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
    free = None if start is None else start.expand(*lead, n).numpy()
    return torch.from_numpy(nonnegative_minima(matrix.numpy(), linear.numpy(), free))


def nonnegative_minima(matrix: Floats, linear: Floats, start: Flags | None = None) -> Floats:
    """Do as `nonnegative_minimum`, without tensors around it; ``start`` has the shape of the minimizers."""
    n = linear.shape[-1]
    lead = np.broadcast_shapes(matrix.shape[:-2], linear.shape[:-1])
    matrices = matrix.reshape(-1, n, n)  # each may belong to many problems
    linears = np.broadcast_to(linear, (*lead, n)).reshape(-1, n)
    free = None if start is None else start.reshape(-1, n)
    if len(matrices) == 1:
        return minima_of_one_matrix(matrices[0], linears, free).reshape(*lead, n)
    owners = np.broadcast_to(np.arange(len(matrices)).reshape(matrix.shape[:-2]), lead).reshape(-1)
    result = np.empty_like(linears)
    for index, one in enumerate(matrices):
        mine = owners == index
        result[mine] = minima_of_one_matrix(one, linears[mine], None if free is None else free[mine])
    return result.reshape(*lead, n)


def minima_of_one_matrix(matrix: Floats, linear: Floats, start: Flags | None = None) -> Floats:
    """Do as `nonnegative_minimum` for problems of one matrix.

    Args:
        matrix: ``[entry, entry]``.
        linear: ``[problem, entry]``.
        start: The entries believed to be free, ``[problem, entry]``, or None.

    Returns:
        The minimizers, ``[problem, entry]``.

    Raises:
        TrainingError: As `nonnegative_minimum`.
    """
    try:
        if len(linear) == 1:
            return _alone(matrix, linear[0], linear[0] < 0 if start is None else start[0])[None]
        return _together(matrix, linear, start)
    except (np.linalg.LinAlgError, RuntimeError) as error:  # singular, indefinite, or too many iterations
        raise TrainingError(
            f"A quadratic program of {len(matrix)} objectives was not solved ({error}). "
            f"{in_float64()}, or look for gradients of very different lengths."
        ) from error


def _alone(matrix: Floats, linear: Floats, free: Flags) -> Floats:
    """Solve one problem: what `_together` does, in fewer operations."""
    lowest_slope = -_ROUNDING_OF_SLOPES * np.abs(linear).max()
    best, patience = len(linear) + 1, _PATIENCE
    while True:
        entries = np.flatnonzero(free)
        result = np.zeros_like(linear)
        if len(entries):
            system = matrix.take(entries, 0).take(entries, 1)
            result[entries] = solve_definite(system, -linear.take(entries))
        below = result < -_ROUNDING * np.abs(result).max()
        wrong = np.where(free, below, result @ matrix + linear < lowest_slope)
        count = int(np.count_nonzero(wrong))
        if not count:
            return np.maximum(result, 0.0)
        patience = _PATIENCE if count < best else patience - 1
        if patience < 0:
            return _least_squares(np.linalg.cholesky(matrix), linear)
        best, free = min(best, count), free ^ wrong


def _together(matrix: Floats, linear: Floats, start: Flags | None) -> Floats:
    """Solve several problems."""
    n_problems, n = linear.shape
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
            result[row] = _least_squares(system.root, linear[row])
        open_ = ~(done | stuck)
        rows, free, best, patience = rows[open_], free[open_] ^ wrong[open_], best[open_], patience[open_]
    return result


class _System:
    """Problems of one matrix, and of its inverse where that is near enough."""

    def __init__(self, matrix: Floats, linear: Floats, *, many: bool) -> None:
        self.matrix, self.linear, self.many = matrix, linear, many
        self.unit = np.abs(linear).max(1, keepdims=True)
        self.inverse: Floats | None = None
        self.rounding = _ROUNDING
        if many:
            inverse = inverse_of_definite(matrix)
            condition = float(np.abs(matrix).sum(1).max() * np.abs(inverse).sum(1).max())
            if condition < _CONDITION:
                self.inverse = inverse
                self.lowest = -(linear @ inverse)  # the minimizer without bounds
                self.rounding = max(self.rounding, 4e-16 * condition)

    def guess(self) -> Flags:
        """Return the entries that look free after a few accelerated steps that are cut off at zero."""
        if not self.many:
            return self.linear < 0
        # At most 1 / the largest eigenvalue. A guess needs no more digits than take the least time.
        rate = 1 / np.sqrt(np.abs(self.matrix @ self.matrix).sum(1).max())
        step = (np.eye(len(self.matrix)) - rate * self.matrix).astype(np.float32)
        fall = (rate * self.linear / np.maximum(self.unit, _TINY)).astype(np.float32)
        last, ahead, pace = np.zeros_like(fall), np.zeros_like(fall), 1.0
        for _ in range(_PROJECTED_STEPS):
            now = ahead @ step
            now -= fall
            np.maximum(now, 0, out=now)
            next_pace = (1 + math.sqrt(1 + 4 * pace**2)) / 2
            np.subtract(now, last, out=ahead)
            ahead *= (pace - 1) / next_pace
            ahead += now
            last, pace = now, next_pace
        return last > 0

    def attempt(self, rows: NDArray[np.intp], free: Flags) -> tuple[Floats, Flags]:
        """Solve problems with these entries free; return the minimizers and what is on the wrong side."""
        n_problems, n = free.shape
        few = free.sum(1) * 2 <= n if self.inverse is not None else np.ones(n_problems, dtype=bool)
        if few.all():
            entries, slopes = self._by_entries(rows, free)
        elif not few.any():
            entries, slopes = self._by_slopes(rows, free)
        else:
            entries, slopes = np.empty((n_problems, n)), np.empty((n_problems, n))
            entries[few], slopes[few] = self._by_entries(rows[few], free[few])
            entries[~few], slopes[~few] = self._by_slopes(rows[~few], free[~few])
        below = entries < -self.rounding * np.abs(entries).max(1, keepdims=True)
        downhill = slopes < -max(_ROUNDING_OF_SLOPES, self.rounding) * self.unit[rows]
        return np.maximum(entries, 0) * free, np.where(free, below, downhill)

    def _by_entries(self, rows: NDArray[np.intp], free: Flags) -> tuple[Floats, Floats]:
        """Solve for the free entries."""
        linear = self.linear[rows]
        entries = solve_free(self.matrix, -linear, free)
        return entries, entries @ self.matrix + linear

    def _by_slopes(self, rows: NDArray[np.intp], free: Flags) -> tuple[Floats, Floats]:
        """Solve for the slopes of the entries that are not free."""
        lowest, inverse = self.lowest[rows], cast(Floats, self.inverse)
        slopes = solve_free(inverse, -lowest, ~free)
        return slopes @ inverse + lowest, slopes

    @cached_property
    def root(self) -> Floats:
        """The matrix is its product with its transpose."""
        return np.linalg.cholesky(self.matrix)


def _least_squares(root: Floats, linear: Floats) -> Floats:
    """Return the minimizer for a matrix with this root, adding or dropping one entry at a time."""
    from scipy.optimize import nnls  # here, as it takes a while to import

    return nnls(root.T.copy(), -np.linalg.solve(root, linear))[0]
