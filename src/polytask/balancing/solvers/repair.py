"""Repairing every gradient against the others, one after the other."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["random_orders", "repaired"]


def repaired(gramian: Tensor, orders: Tensor, usual: Tensor, *, decay: float) -> tuple[Tensor, Tensor]:
    """Turn every gradient towards the others, one after the other, until no cosine is below the usual one.

    Args:
        gramian: float64 ``[objective, objective]``.
        orders: For each objective the order of the others, long ``[objective, objective - 1]``.
        usual: The cosine to reach ``[objective, objective]``: zero projects conflicts away.
        decay: How much of the cosine found goes into the usual one.

    Returns:
        The coefficients ``[repaired, objective]`` of the repaired gradients in the given ones, and the new
        usual cosines.
    """
    products, others = gramian.numpy(), orders.numpy().T  # [turn, objective]; every pair meets once
    everyone = np.arange(len(products))
    squares = products.diagonal().clip(min=0)
    lengths = np.sqrt(squares)
    targets = usual.numpy()[everyone, others]
    sines = np.sqrt((1 - targets * targets).clip(min=0))
    reaches = lengths[others] * sines
    factors = np.divide(1.0, reaches, out=np.zeros_like(reaches), where=reaches > 0)
    coefficients, found, own = np.eye(len(products)), targets.copy(), squares.copy()
    for turn, against in enumerate(others):
        meeting = np.einsum("ij,ij->i", coefficients, products.take(against, 0))
        length = np.sqrt(own.clip(min=0))
        both = length * lengths[against]
        cosine = np.divide(meeting, both, out=np.ones_like(both), where=both > 0).clip(-1, 1)
        target = targets[turn]
        added = length * (target * np.sqrt(1 - cosine * cosine) - cosine * sines[turn]) * factors[turn]
        added *= cosine < target
        coefficients[everyone, against] = added
        own += added * (2 * meeting + added * squares[against])
        np.copyto(found[turn], cosine, where=both > 0)
    after = usual.clone()
    after[everyone, others] = torch.from_numpy((1 - decay) * targets + decay * found)
    return torch.from_numpy(coefficients), after


def random_orders(n: int) -> Tensor:
    """Return for each of n objectives a random order of the others, ``[n, n - 1]``."""
    draws = torch.rand(n, n).fill_diagonal_(2.0)
    return draws.argsort(1)[:, :-1]
