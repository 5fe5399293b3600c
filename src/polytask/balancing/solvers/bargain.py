"""The bargaining solution among objectives: every objective gains in proportion to a power of its weight."""

import numpy as np
import torch
from torch import Tensor

from polytask.balancing.solvers.scaled import Floats, cosines, in_float64, ridge, symmetric
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
    angles, lengths = cosines(symmetric(gramian))
    n = lengths.shape[-1]
    zero = lengths == 0
    logs = torch.where(zero, 1.0, lengths).log()
    # With w = y / length: (C y)_t = length_t^(1/alpha - 1) y_t^(-1/alpha). A common factor of the right side
    # is a common factor of y, and is put back at the end.
    power = 1 / alpha
    right = (power - 1) * logs
    level = torch.where(zero, 0.0, right).sum(-1, keepdim=True) / (~zero).sum(-1, keepdim=True).clamp(min=1)
    right = torch.where(zero, 0.0, right - level)
    matrix = angles + torch.diag_embed(zero.to(angles)) + ridge(gramian) * torch.eye(n).to(angles)
    solved = _solve(matrix.reshape(-1, n, n).numpy(), right.reshape(-1, n).numpy(), power)
    weights = torch.from_numpy(solved).view(lengths.shape) * (level / (1 + power) - logs).exp()
    return torch.where(zero, 0.0, weights).to(gramian)


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
    """Return y > 0 ``[problem, objective]`` with matrix @ y = exp(right) * y ** -power.

    There the convex ``y @ matrix @ y / 2 - sum(exp(right) * y ** (1 - power) / (1 - power))`` is smallest.
    """
    factor, sizes, eye = np.exp(right), np.abs(matrix), np.eye(right.shape[-1])
    y = np.ones_like(right)
    for _ in range(_ITERATIONS):
        push = factor * y**-power
        gradient = _times(matrix, y) - push
        noise = _times(sizes, y)  # of what cancels in the product, in units of the rounding
        if (np.abs(gradient) <= _TOLERANCE * push + 1e-15 * noise).all():
            return y
        curvature = matrix + (power * push / y)[:, None] * eye
        step = -np.linalg.solve(curvature, gradient[..., None])[..., 0]
        longest = (
            np.divide(-0.9 * y, step, out=np.ones_like(y), where=step < 0).min(-1).clip(max=1)
        )  # stay positive
        slack = 1e-14 * (y * noise).sum(-1)
        y = _search(matrix, factor, power, y, step, longest, (gradient * step).sum(-1), slack)
    raise TrainingError(
        f"The bargaining solution of {right.shape[-1]} objectives was not found in {_ITERATIONS} iterations. "
        f"{in_float64()}, or look for gradients that oppose each other exactly."
    )


def _times(matrix: Floats, y: Floats) -> Floats:
    return (matrix @ y[..., None])[..., 0]


def _potential(matrix: Floats, factor: Floats, power: float, y: Floats) -> Floats:
    quadratic = (y * _times(matrix, y)).sum(-1) / 2
    if power == 1:
        return quadratic - (factor * np.log(y)).sum(-1)
    return quadratic - (factor * y ** (1 - power) / (1 - power)).sum(-1)


def _search(
    matrix: Floats,
    factor: Floats,
    power: float,
    y: Floats,
    step: Floats,
    length: Floats,
    descent: Floats,
    slack: Floats,
) -> Floats:
    """Shorten the step of each problem until its potential goes down enough."""
    before = _potential(matrix, factor, power, y)
    slack = slack + 1e-14 * np.abs(before)
    for _ in range(50):
        after = _potential(matrix, factor, power, y + length[:, None] * step)
        fine = after <= before + 1e-4 * length * descent + slack
        if fine.all():
            break
        length = np.where(fine, length, length / 2)
    return y + length[:, None] * step
