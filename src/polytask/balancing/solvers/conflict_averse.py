"""The direction near the average that serves the worst-off objective best."""

import numpy as np
import torch
from torch import Tensor

from polytask.balancing.solvers.complementarity import minima_of_one_matrix
from polytask.balancing.solvers.scaled import Floats, cosines, in_float64, ridge, symmetric
from polytask.core import InputError, TrainingError

__all__ = ["conflict_averse"]

_ITERATIONS = 100
_TOLERANCE = 1e-12


def conflict_averse(gramian: Tensor, *, c: float = 0.4) -> Tensor:
    r"""Maximize the smallest gain over a ball around the average gradient.

    .. math:: \max_d \min_t \langle g_t, d \rangle \quad \text{subject to} \quad
        \lVert d - g_0 \rVert \le c \lVert g_0 \rVert, \qquad g_0 = \tfrac1T \sum_t g_t

    For a gain :math:`v` the direction nearest to :math:`g_0` is a quadratic program; its distance is convex
    in :math:`v`, so Newton's method from above finds the gain at which it equals the radius.

    Args:
        gramian: The Gramian of the gradients, ``[objective, objective]``.
        c: The radius of the ball over the length of the average.

    Returns:
        The weights of :math:`d`, ``[objective]``; their mean is above 1 / T. Zero gradients keep the weight
        1 / T.

    Raises:
        InputError: The Gramian is not square or not finite, or ``c`` is not in [0, 1).
        TrainingError: The iteration did not converge.

    Example:
        >>> conflict_averse(torch.tensor([[1.0, -0.5], [-0.5, 1.0]]), c=0.5)
        tensor([0.7500, 0.7500])

    References:
        Bo Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021,
        arXiv:2110.14048, eq. 4 and 5. Without the division by 1 + c² of some of the authors' code.
    """
    if not 0 <= c < 1:
        raise InputError(f"`c` must be at least 0 and below 1, got {c}.")
    exact = symmetric(gramian)
    if exact.ndim > 2:
        flat = torch.from_numpy(exact).reshape(-1, *exact.shape[-2:])
        return torch.stack([conflict_averse(one, c=c) for one in flat]).view(exact.shape[:-1]).to(gramian)
    n, moving = len(exact), exact.diagonal() > 0
    weights = np.full(n, 1 / n)
    radius = c * float(np.sqrt(max(exact.sum(), 0.0))) / n
    if radius > 0:
        part = exact[moving][:, moving]
        weights[moving] += _displacement(part, part.sum(1) / n, radius, ridge(gramian))
    return torch.from_numpy(weights).to(gramian)


def _displacement(gramian: Floats, gains: Floats, radius: float, tiny: float) -> Floats:
    """Return x >= 0 with ‖Jᵀx‖ = radius that raises the smallest of gains + G x the most."""
    matrix, lengths = cosines(gramian)
    matrix += tiny * np.eye(len(matrix))
    unit = lengths.max()
    # In units of the longest gradient; x = y / length.
    slope, scale, radius = gains / lengths / unit, unit / lengths, radius / unit
    gain = ((slope + radius) / scale).min()  # no direction in the ball has a larger smallest gain
    free = None
    for _ in range(_ITERATIONS):
        y = minima_of_one_matrix(matrix, (slope - gain * scale)[None], free)[0]
        free = (y > 0)[None]
        distance = np.sqrt(y @ matrix @ y)
        if distance <= radius * (1 + _TOLERANCE):
            break
        lower = gain + (radius - distance) * distance / (y @ scale)
        if not lower < gain:
            break
        gain = lower
    else:
        raise TrainingError(
            f"CAGrad's direction for {len(gramian)} objectives was not found in {_ITERATIONS} iterations. "
            f"{in_float64()}."
        )
    return y * (radius / distance) / lengths * unit if distance > 0 else np.zeros_like(y)
