"""Projection onto the cone of directions that worsen no objective."""

import numpy as np
import torch
from torch import Tensor

from polytask.balancing.solvers.complementarity import nonnegative_minima
from polytask.balancing.solvers.scaled import definite_cosines
from polytask.core import InputError

__all__ = ["project_onto_dual_cone"]


def project_onto_dual_cone(gramian: Tensor, rows: Tensor, *, regularization: float = 1e-10) -> Tensor:
    r"""Project combinations of gradients onto the cone of directions that worsen no objective.

    .. math:: v = \arg\min_{v \ge u} v^\top G v

    The direction :math:`J^\top v` is the point nearest to :math:`J^\top u` with :math:`G v \ge 0`.

    Args:
        gramian: :math:`G = J J^\top`, ``[..., objective, objective]``.
        rows: The combinations :math:`u`, ``[..., combination, objective]``.
        regularization: :math:`\epsilon`, added to the cosine of each gradient with itself, which is 1; the
            rounding of a Gramian in float32 asks for more, :math:`5 \cdot 10^{-7}` an objective. It makes the
            weights unique, and lets :math:`\langle g_t, d \rangle` fall to :math:`-\epsilon v_t \lVert g_t
            \rVert^2`: relative to each gradient, so that a short one is served as well as a long one.

    Returns:
        The weights :math:`v`, ``[..., combination, objective]``, in the type of the Gramian.

    Raises:
        InputError: A shape does not fit, the Gramian is not finite, or the regularization is not positive.

    Example:
        >>> opposed = torch.tensor([[1.0, -0.5], [-0.5, 1.0]], dtype=torch.float64)
        >>> project_onto_dual_cone(opposed, torch.eye(2), regularization=1e-9)
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]], dtype=torch.float64)

    References:
        Pierre Quinton, Valérian Rey, "Jacobian Descent for Multi-Objective Optimization", 2024,
        arXiv:2406.16232, Proposition 1. Deviation: TorchJD and the paper's experiments add 1e-4 to the
        diagonal when the trace is 1, for a gradient 100 times shorter than the longest as much as its own
        square: it then goes up (to a cosine of -0.27 where two gradients stand 120 degrees apart).
    """
    if regularization <= 0:
        raise InputError(f"`regularization` must be positive, got {regularization}.")
    if rows.ndim < 2 or rows.shape[-1] != gramian.shape[-1]:
        raise InputError(
            f"`rows` is [..., combination, objective] for {gramian.shape[-1]} objectives; "
            f"got the shape {list(rows.shape)}."
        )
    matrix, lengths = definite_cosines(gramian, regularization=regularization)
    # With v = y / length every constraint and every unknown is in units of its own gradient.
    divisor = np.where(lengths > 0, lengths, 1.0)[..., None, :]
    given = rows.detach().to(device="cpu", dtype=torch.float64).numpy()
    slope = (given * lengths[..., None, :]) @ matrix  # [..., combination, objective]
    added = nonnegative_minima(matrix[..., None, :, :], slope) / divisor
    return torch.from_numpy(given + added).to(gramian)
