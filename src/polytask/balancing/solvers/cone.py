"""Projection onto the cone of directions that worsen no objective."""

import torch
from torch import Tensor

from polytask.balancing.solvers.complementarity import nonnegative_minimum
from polytask.balancing.solvers.scaled import symmetric
from polytask.core import InputError

__all__ = ["project_onto_dual_cone"]


def project_onto_dual_cone(gramian: Tensor, rows: Tensor, *, regularization: float = 1e-4) -> Tensor:
    r"""Project combinations of gradients onto the cone of directions that worsen no objective.

    .. math:: v = \arg\min_{v \ge u} v^\top G v

    The direction :math:`J^\top v` is the point nearest to :math:`J^\top u` with :math:`G v \ge 0`.

    Args:
        gramian: :math:`G = J J^\top`, ``[..., objective, objective]``.
        rows: The combinations :math:`u`, ``[..., combination, objective]``.
        regularization: Added to the diagonal of the Gramian when its trace is 1. It makes the weights unique;
            products :math:`G v` may be negative by as much.

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
        arXiv:2406.16232, Proposition 1. The normalization and the regularization are those of TorchJD, except
        that short gradients are never taken for zero.
    """
    if regularization <= 0:
        raise InputError(f"`regularization` must be positive, got {regularization}.")
    if rows.ndim < 2 or rows.shape[-1] != gramian.shape[-1]:
        raise InputError(
            f"`rows` is [..., combination, objective] for {gramian.shape[-1]} objectives; "
            f"got the shape {list(rows.shape)}."
        )
    exact = symmetric(gramian)
    trace = exact.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    matrix = exact / torch.where(trace > 0, trace, 1.0)
    matrix = matrix + regularization * torch.eye(matrix.shape[-1], dtype=matrix.dtype)
    combinations = rows.detach().to(matrix)
    slope = combinations @ matrix  # [..., combination, objective]
    return (combinations + nonnegative_minimum(matrix[..., None, :, :], slope)).to(gramian)
