"""The bargaining solution among objectives: every objective gains in proportion to a power of its weight."""

import numpy as np
import torch
from torch import Tensor

from polytask.balancing.solvers.free_entries import solve_definite
from polytask.balancing.solvers.scaled import Floats, definite_cosines, in_float64
from polytask.core import InputError, TrainingError

__all__ = ["bargain", "bargained"]

_ITERATIONS = 200
_TOLERANCE = 1e-11


def bargain(gramian: Tensor, *, alpha: float = 1.0) -> Tensor:
    r"""Solve for weights with which every objective's gain is a power of its weight.

    .. math:: (G w)_t = w_t^{-1/\alpha}, \qquad w > 0

    This is where :math:`\tfrac12 w^\top G w - \sum_t \int w_t^{-1/\alpha}` is smallest, a strictly convex
    function; Newton's method with a line search finds it to rounding.

    Args:
        gramian: :math:`G`, ``[..., objective, objective]``.
        alpha: 1 is the Nash bargaining solution; large values lean to the worst-off objective.

    Returns:
        The weights :math:`w`, ``[..., objective]``; 0 where a gradient is zero. Where the gradients can be
        combined to nothing there is no solution, and that of a Gramian with a slightly larger diagonal is
        returned: a long vector of weights, whose direction is short.

    Raises:
        InputError: The Gramian is not square or not finite, or ``alpha`` is not positive.
        TrainingError: The iteration did not converge.

    Example:
        >>> bargain(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
        tensor([0.5000, 1.0000])

    References:
        Aviv Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, arXiv:2202.01017, eq. 2
        (:math:`\alpha = 1`); Hao Ban, Kaiyi Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024,
        arXiv:2402.15638, eq. 5.
    """
    if not alpha > 0:
        raise InputError(f"`alpha` must be positive, got {alpha}.")
    matrix, lengths = definite_cosines(gramian)
    n, zero = lengths.shape[-1], lengths == 0
    logs = np.log(np.where(zero, 1.0, lengths))
    # With w = y / length: (C y)_t = length_t^(1/alpha - 1) y_t^(-1/alpha). A common factor of the right side
    # is a common factor of y, and is put back at the end.
    power = 1 / alpha
    right = np.where(zero, 0.0, (power - 1) * logs)
    level = right.sum(-1, keepdims=True) / np.maximum((~zero).sum(-1, keepdims=True), 1)
    right = np.where(zero, 0.0, right - level)
    problems = zip(matrix.reshape(-1, n, n), right.reshape(-1, n), strict=True)
    solved = np.stack([_solve(one, factors, power) for one, factors in problems])
    weights = solved.reshape(lengths.shape) * np.exp(level / (1 + power) - logs)
    return torch.from_numpy(np.where(zero, 0.0, weights)).to(gramian)


def bargained(gramian: Tensor, *, alpha: float) -> Tensor:
    """Return `bargain`'s weights ``[objective]`` for gradients whose root mean square length is made 1.

    So weights are 1 for orthogonal gradients of equal length, and the step does not shrink as losses grow.

    Args:
        gramian: ``[objective, objective]``; where all of it is zero, so are the weights.
        alpha: As for `bargain`.
    """
    mean_square = gramian.diagonal().mean()
    if float(mean_square) == 0:
        return gramian.new_zeros(len(gramian))
    return bargain(gramian / mean_square, alpha=alpha)


def _solve(matrix: Floats, right: Floats, power: float) -> Floats:
    """Return y > 0 ``[objective]`` with matrix @ y = exp(right) * y ** -power.

    There the convex ``y @ matrix @ y / 2 - sum(exp(right) * y ** (1 - power) / (1 - power))`` is smallest.
    """
    factor, sizes, diagonal = np.exp(right), np.abs(matrix), np.arange(len(right))
    # The best of all equal numbers.
    y = np.full_like(right, (factor.sum() / matrix.sum()) ** (1 / (1 + power)))
    for _ in range(_ITERATIONS):
        push, product = factor * y**-power, matrix @ y
        gradient = product - push
        noise = sizes @ y  # of what cancels in the product, in units of the rounding
        if (np.abs(gradient) <= _TOLERANCE * push + 1e-15 * noise).all():
            return y
        curvature = matrix.copy()
        curvature[diagonal, diagonal] += power * push / y
        step = -solve_definite(curvature, gradient)
        shrinking = float((step / -y).max())
        longest = min(1.0, 0.9 / shrinking) if shrinking > 0 else 1.0  # stay positive
        y = _search(matrix, factor, power, y, step, longest, product, gradient, 1e-14 * float(y @ noise))
    raise TrainingError(
        f"The bargaining solution of {right.shape[-1]} objectives was not found in {_ITERATIONS} iterations. "
        f"{in_float64()}, or look for gradients that oppose each other exactly."
    )


def _search(
    matrix: Floats,
    factor: Floats,
    power: float,
    y: Floats,
    step: Floats,
    length: float,
    product: Floats,
    gradient: Floats,
    slack: float,
) -> Floats:
    """Shorten a step until the potential goes down enough; ``product`` is ``matrix @ y``."""
    descent, slope, bend = float(gradient @ step), float(product @ step), float(step @ (matrix @ step))
    before = _reward(factor, power, y)
    slack += 1e-14 * (abs(before) + abs(float(y @ product)) / 2)
    for _ in range(50):
        after = y + length * step
        change = length * (slope + length * bend / 2) - _reward(factor, power, after) + before
        if change <= 1e-4 * length * descent + slack:
            break
        length /= 2
    return y + length * step


def _reward(factor: Floats, power: float, y: Floats) -> float:
    """Return what the potential falls by for large weights."""
    if power == 1:
        return float(factor @ np.log(y))
    return float(factor @ y ** (1 - power)) / (1 - power)
