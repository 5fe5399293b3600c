"""The shortest vector in the convex hull of the gradients."""

import numpy as np
import torch
from torch import Tensor

from polytask.balancing.solvers.complementarity import nonnegative_minima
from polytask.balancing.solvers.scaled import definite_cosines

__all__ = ["shortest_in_hull"]


def shortest_in_hull(gramian: Tensor) -> Tensor:
    r"""Return the convex combination of the gradients with the smallest norm.

    .. math:: \min_{w \ge 0,\, 1^\top w = 1} w^\top G w

    Solved exactly, by :math:`\min_{x \ge 0} \tfrac12 x^\top G x - 1^\top x` and :math:`w = x / 1^\top x`.

    Args:
        gramian: :math:`G`, ``[..., objective, objective]``.

    Returns:
        The weights, ``[..., objective]``; they sum to 1. Where a gradient is zero, so is the shortest vector:
        the zero gradients then share the weight.

    Raises:
        InputError: The Gramian is not square, or not finite.

    Example:
        >>> shortest_in_hull(torch.tensor([[1.0, 0.0], [0.0, 4.0]]))
        tensor([0.8000, 0.2000])

    References:
        Jean-Antoine Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization",
        Comptes Rendus Mathématique, 2012; Ozan Sener, Vladlen Koltun, "Multi-Task Learning as
        Multi-Objective Optimization", NeurIPS 2018, arXiv:1810.04650, eq. 3.
    """
    matrix, lengths = definite_cosines(gramian)
    zero = lengths == 0
    # With x = y / length the diagonal is 1 and the slope -1 / length; only its direction matters.
    slope = np.where(zero, 0.0, 1 / np.where(zero, 1.0, lengths))
    slope /= np.maximum(slope.max(-1, keepdims=True), np.finfo(slope.dtype).tiny)
    weights = nonnegative_minima(matrix, -slope) * slope
    weights = np.where(zero.any(-1, keepdims=True), zero, weights)
    return torch.from_numpy(weights / weights.sum(-1, keepdims=True)).to(gramian)
