"""Repairing every gradient against the others, one after the other."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polytask.balancing.solvers.scaled import Floats

__all__ = ["random_orders", "repaired", "without_conflicts"]

_TINY = 1e-300  # below it a squared length is none


def without_conflicts(gramian: Tensor, orders: Tensor) -> Tensor:
    """Project conflicts away: `repaired` for a usual cosine of zero, of which no account is kept.

    Args:
        gramian: float64 ``[objective, objective]``.
        orders: For each objective the order of the others, long ``[objective, objective - 1]``.

    Returns:
        The coefficients ``[repaired, objective]`` of the repaired gradients in the given ones.
    """
    products, others = gramian.numpy(), np.ascontiguousarray(orders.numpy().T)
    everyone, coefficients, squares = _start(products)
    inverses = _inverse(squares)[others]
    for against, inverse in zip(others, inverses, strict=True):
        meeting = np.vecdot(coefficients, products.take(against, 0))
        coefficients[everyone, against] = -np.minimum(meeting, 0.0) * inverse
    return torch.from_numpy(coefficients)


def repaired(gramian: Tensor, orders: Tensor, usual: Tensor, *, decay: float) -> tuple[Tensor, Tensor]:
    """Turn every gradient towards the others, one after the other, until no cosine is below the usual one.

    Args:
        gramian: float64 ``[objective, objective]``.
        orders: For each objective the order of the others, long ``[objective, objective - 1]``.
        usual: The cosine to reach ``[objective, objective]``.
        decay: How much of the cosine found goes into the usual one.

    Returns:
        The coefficients ``[repaired, objective]`` of the repaired gradients in the given ones, and the new
        usual cosines.
    """
    # [turn, objective]; every pair meets once
    products, others = gramian.numpy(), np.ascontiguousarray(orders.numpy().T)
    everyone, coefficients, squares = _start(products)
    targets = usual.numpy()[everyone, others]
    sines = np.sqrt(np.maximum(1 - targets * targets, 0.0))
    # Along the other one, a gradient has to be as long as across it times the slant of the usual angle.
    slants, can = targets * _inverse(sines), sines > 0
    every_one_can = bool(can.all())
    inverses = _inverse(np.sqrt(squares))[others]
    along, owns = np.empty_like(targets), np.empty((len(others) + 1, len(squares)))
    owns[0] = squares
    for turn, against in enumerate(others):
        ahead, own = along[turn], owns[turn]
        meeting = np.vecdot(coefficients, products.take(against, 0))
        np.multiply(meeting, inverses[turn], out=ahead)
        across = np.sqrt(np.maximum(own - ahead * ahead, 0.0))
        longer = np.maximum(slants[turn] * across - ahead, 0.0)
        if not every_one_can:
            longer *= can[turn]
        coefficients[everyone, against] = longer * inverses[turn]
        np.add(own, longer * (2 * ahead + longer), out=owns[turn + 1])
    both = (owns[:-1] > _TINY) & (inverses > 0)  # else there was nothing to measure
    cosines = along / np.sqrt(owns[:-1], where=both, out=np.ones_like(along))
    found = np.where(both, np.minimum(np.maximum(cosines, -1.0), 1.0), targets)
    after = usual.clone()
    after[everyone, others] = torch.from_numpy((1 - decay) * targets + decay * found)
    return torch.from_numpy(coefficients), after


def random_orders(n: int) -> Tensor:
    """Return for each of n objectives a random order of the others, ``[n, n - 1]``."""
    draws = torch.rand(n, n).fill_diagonal_(2.0)
    return draws.argsort(1)[:, :-1]


def _start(products: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the index of every objective, the gradients as they are, and their squared lengths."""
    return np.arange(len(products)), np.eye(len(products)), np.maximum(products.diagonal(), 0.0)


def _inverse(values: Floats) -> Floats:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
