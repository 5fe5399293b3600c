"""A Gramian as the solvers want it: float64, symmetric, with the gradients' lengths apart.

Solvers work on arrays: an operation on the numbers of some tens of objectives takes NumPy about a microsecond
and torch several.
"""

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polytask.core import InputError
from polytask.core.doors import by_door

__all__ = ["Flags", "Floats", "cosines", "definite_cosines", "in_float64", "ridge", "symmetric"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Flags: TypeAlias = NDArray[np.bool_]


def symmetric(gramian: Tensor) -> Floats:
    """Return a Gramian in float64, on the CPU and exactly symmetric.

    The solvers branch on signs at every iteration, so one transfer costs less than a synchronization each
    time; and not every device knows float64.

    Args:
        gramian: ``[..., objective, objective]``.

    Raises:
        InputError: It is not square, or not finite.
    """
    if gramian.ndim < 2 or gramian.shape[-1] != gramian.shape[-2] or gramian.shape[-1] == 0:
        raise InputError(f"A Gramian is [..., objective, objective]; got the shape {list(gramian.shape)}.")
    exact = gramian.detach().to(device="cpu", dtype=torch.float64).numpy()
    if not np.isfinite(exact).all():
        raise InputError("The Gramian is not finite. Look for gradients that are NaN or too large.")
    return (exact + exact.swapaxes(-1, -2)) / 2


def cosines(exact: Floats) -> tuple[Floats, Floats]:
    """Return the cosines ``[..., objective, objective]`` and the lengths ``[..., objective]``.

    A zero gradient has cosine 0 with every gradient, itself included.
    """
    lengths = np.sqrt(np.maximum(exact.diagonal(axis1=-2, axis2=-1), 0.0))
    there = lengths > 0
    divisor = np.where(there, lengths, 1.0)
    # One division after the other: the product of two tiny lengths might underflow.
    ratios = exact / divisor[..., :, None] / divisor[..., None, :]
    if not there.all():
        ratios = np.where(there[..., :, None] & there[..., None, :], ratios, 0.0)
    return ratios, lengths


def definite_cosines(gramian: Tensor, *, regularization: float = 0.0) -> tuple[Floats, Floats]:
    """Return cosines that are positive definite, and the lengths as `cosines` does.

    Args:
        gramian: ``[..., objective, objective]``.
        regularization: Added to the diagonal, or what rounding asks for, where that is more. That of a zero
            gradient is 1 too.

    Raises:
        InputError: As `symmetric`.
    """
    angles, lengths = cosines(symmetric(gramian))
    diagonal = np.arange(lengths.shape[-1])
    angles[..., diagonal, diagonal] += (lengths == 0) + max(regularization, ridge(gramian))
    return angles, lengths


def ridge(gramian: Tensor) -> float:
    """Return what to add to the diagonal of the cosines to keep them positive definite in spite of rounding.

    A Gramian computed in float32 may have eigenvalues below zero by a few roundings.
    """
    return max(1e-10, 4 * gramian.shape[-1] * torch.finfo(gramian.dtype).eps)


def in_float64() -> str:
    """Say how to go on where gradients are too coarse for a solver."""
    return by_door(python="Compute the gradients in float64", command="Train with `precision=64-true`")
