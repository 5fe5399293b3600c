"""The bargaining solution among objectives: every objective gains in proportion to a power of its weight."""

import torch
from torch import Tensor

from polytask.balancing.solvers.scaled import cosines, in_float64, ridge, symmetric
from polytask.core import InputError, TrainingError

__all__ = ["bargain"]

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
    solved = _solve(matrix.reshape(-1, n, n), right.reshape(-1, n), power).view(lengths.shape)
    weights = solved * (level / (1 + power) - logs).exp()
    return torch.where(zero, 0.0, weights).to(gramian)


def _solve(matrix: Tensor, right: Tensor, power: float) -> Tensor:
    """Return y > 0 ``[problem, objective]`` with matrix @ y = exp(right) * y ** -power.

    There the convex ``y @ matrix @ y / 2 - sum(exp(right) * y ** (1 - power) / (1 - power))`` is smallest.
    """
    factor = right.exp()
    y = torch.ones_like(right)
    for _ in range(_ITERATIONS):
        push = factor * y**-power
        gradient = _times(matrix, y) - push
        rounding = 1e-15 * _times(matrix.abs(), y)  # what cancels in the product
        if bool((gradient.abs() <= _TOLERANCE * push + rounding).all()):
            return y
        curvature = matrix + torch.diag_embed(power * push / y)
        step = -torch.linalg.solve(curvature, gradient)
        longest = torch.where(step < 0, -0.9 * y / step, torch.inf).amin(-1).clamp(max=1)  # stay positive
        y = _search(matrix, factor, power, y, step, longest, (gradient * step).sum(-1))
    raise TrainingError(
        f"The bargaining solution of {right.shape[-1]} objectives was not found in {_ITERATIONS} iterations. "
        f"{in_float64()}, or look for gradients that oppose each other exactly."
    )


def _times(matrix: Tensor, y: Tensor) -> Tensor:
    return (matrix @ y[..., None]).squeeze(-1)


def _potential(matrix: Tensor, factor: Tensor, power: float, y: Tensor) -> Tensor:
    quadratic = (y * _times(matrix, y)).sum(-1) / 2
    if power == 1:
        return quadratic - (factor * y.log()).sum(-1)
    return quadratic - (factor * y ** (1 - power) / (1 - power)).sum(-1)


def _search(
    matrix: Tensor, factor: Tensor, power: float, y: Tensor, step: Tensor, length: Tensor, descent: Tensor
) -> Tensor:
    """Shorten the step of each problem until its potential goes down enough."""
    before = _potential(matrix, factor, power, y)
    slack = 1e-14 * ((y * _times(matrix.abs(), y)).sum(-1) + before.abs())
    for _ in range(50):
        after = _potential(matrix, factor, power, y + length[:, None] * step)
        fine = after <= before + 1e-4 * length * descent + slack
        if bool(fine.all()):
            break
        length = torch.where(fine, length, length / 2)
    return y + length[:, None] * step
