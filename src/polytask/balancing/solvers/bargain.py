"""The bargaining solution among objectives: every objective gains in proportion to a power of its weight."""

import torch
from torch import Tensor

from polytask.balancing.solvers.scaled import cosines, ridge, symmetric
from polytask.core import InputError, TrainingError

__all__ = ["bargain"]

_ITERATIONS = 200
_TOLERANCE = 1e-11


def bargain(gramian: Tensor, *, alpha: float = 1.0) -> Tensor:
    r"""Solve for weights with which every objective's gain is a power of its weight.

    .. math:: (G w)_t = w_t^{-1/\alpha}, \qquad w > 0

    This is where :math:`\tfrac12 w^\top G w - \sum_t \int w_t^{-1/\alpha}` is smallest, a strictly convex
    function; Newton's method in :math:`\log w` with a line search finds it to rounding.

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
    weights = (solved + level / (1 + power) - logs).exp()
    return torch.where(zero, 0.0, weights).to(gramian)


def _solve(matrix: Tensor, right: Tensor, power: float) -> Tensor:
    """Return log y ``[problem, objective]`` with matrix @ y = exp(right) * y ** -power."""
    z = torch.zeros_like(right)
    for _ in range(_ITERATIONS):
        gradient, curvature = _derivatives(matrix, right, power, z)
        scale = curvature.diagonal(dim1=-2, dim2=-1)
        if bool((gradient.abs() <= _TOLERANCE * scale).all()):
            return z
        step = -torch.linalg.solve(curvature, gradient)
        step = step / (step.abs().amax(-1, keepdim=True) / 2).clamp(min=1)  # no factor beyond e²
        z = _search(matrix, right, power, z, step, (gradient * step).sum(-1))
    raise TrainingError(
        f"The bargaining solution of {right.shape[-1]} objectives was not found in {_ITERATIONS} iterations. "
        "Compute the gradients in float64, or look for gradients that oppose each other exactly."
    )


def _derivatives(matrix: Tensor, right: Tensor, power: float, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return slope and a positive definite curvature of the potential in log y."""
    y = z.exp()
    pull = y * (matrix @ y[..., None]).squeeze(-1)
    push = (right + (1 - power) * z).exp()
    gradient = pull - push
    # The true curvature, y_i M_ij y_j + diag(pull - (1 - power) push), may be indefinite far from the
    # solution; pull + |...| keeps it positive there and equals it where pull = push.
    own = torch.where(pull > push, pull - (1 - power) * push, power * push)
    curvature = y[..., :, None] * matrix * y[..., None, :] + torch.diag_embed(own.clamp(min=1e-300))
    return gradient, curvature


def _potential(matrix: Tensor, right: Tensor, power: float, z: Tensor) -> Tensor:
    y = z.exp()
    quadratic = (y * (matrix @ y[..., None]).squeeze(-1)).sum(-1) / 2
    if power == 1:
        return quadratic - (right.exp() * z).sum(-1)
    return quadratic - ((right + (1 - power) * z).exp() / (1 - power)).sum(-1)


def _search(matrix: Tensor, right: Tensor, power: float, z: Tensor, step: Tensor, descent: Tensor) -> Tensor:
    """Shorten the step of each problem until its potential goes down enough."""
    before = _potential(matrix, right, power, z)
    length = torch.ones_like(before)
    slack = 1e-14 * before.abs()
    for _ in range(50):
        after = _potential(matrix, right, power, z + length[:, None] * step)
        fine = after <= before + 1e-4 * length * descent + slack
        if bool(fine.all()):
            break
        length = torch.where(fine, length, length / 2)
    return z + length[:, None] * step
