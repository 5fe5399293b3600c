"""Convex quadratics over the simplex."""

import torch
from torch import Tensor

from polytask.balancing.solvers.complementarity import nonnegative_minimum
from polytask.balancing.solvers.scaled import symmetric

__all__ = ["simplex_minimum"]

_ITERATIONS = 200
_RIDGE = 1e-10
_TOLERANCE = 1e-10


def simplex_minimum(matrix: Tensor, linear: Tensor) -> Tensor:
    r"""Minimize a convex quadratic over the non-negative numbers of sum 1.

    .. math:: \min_{w \ge 0,\, 1^\top w = 1} \tfrac12 w^\top Q w + q^\top w

    For a price :math:`\mu` of the sum, :math:`w(\mu)` minimizes it over the non-negative numbers with
    :math:`q - \mu` in place of :math:`q`. Its sum rises with :math:`\mu` along straight pieces; Newton's
    method on the piece at hand, kept between two prices of which one is too low and one too high, finds
    where it is 1. Where the minimizer is not unique, the shortest one is taken.

    Args:
        matrix: :math:`Q`, positive semi-definite but for rounding, ``[entry, entry]``.
        linear: :math:`q`, ``[entry]``.

    Returns:
        The minimizer in float64, ``[entry]``.

    Raises:
        InputError: The matrix is not square, or not finite.

    Example:
        >>> simplex_minimum(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
        tensor([1., 0.], dtype=torch.float64)
        >>> simplex_minimum(torch.eye(2), torch.tensor([0.0, 0.5]))
        tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    # Rounding may have left eigenvalues below zero.
    values, vectors = torch.linalg.eigh(torch.from_numpy(symmetric(matrix)))
    exact, slope = (vectors * values.clamp(min=0)) @ vectors.T, linear.detach().double().cpu()
    unit = max(float(exact.diagonal().amax()), float(slope.amax() - slope.amin()))
    if unit == 0:
        return torch.full_like(slope, 1 / len(slope))
    exact = exact / unit + _RIDGE * torch.eye(len(slope), dtype=slope.dtype)
    slope = (slope - slope.amin()) / unit
    low, high = 0.0, float(exact.diagonal().amax() + slope.amax())
    price, below, above = high, torch.zeros_like(slope), torch.zeros_like(slope)
    for _ in range(_ITERATIONS):
        weights = nonnegative_minimum(exact, slope - price)
        total = float(weights.sum())
        if abs(total - 1) < _TOLERANCE:
            return weights / weights.sum()
        if total < 1:
            low, below = price, weights
        else:
            high, above = price, weights
        price = _newton(exact, slope, weights > 0, low, high)
    # The sum jumps past 1 at one price: along a ray the quadratic is flat, and the answer lies on it.
    share = (1 - below.sum()) / (above.sum() - below.sum())
    weights = below + share * (above - below)
    return weights / weights.sum()


def _newton(matrix: Tensor, slope: Tensor, free: Tensor, low: float, high: float) -> float:
    """Return the price at which the free entries sum to 1; half way where that is out of the bounds."""
    if bool(free.any()):
        ones = torch.ones_like(slope[free])
        inverse = torch.linalg.solve(matrix[free][:, free], torch.stack([ones, slope[free]], 1))
        price = float((1 + inverse[:, 1].sum()) / inverse[:, 0].sum())
        if low < price < high:
            return price
    return (low + high) / 2
