"""Repairing every gradient against the others, one after the other."""

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
    n = len(gramian)
    everyone = torch.arange(n)
    lengths = gramian.diagonal().clamp(min=0).sqrt()
    coefficients = torch.eye(n, dtype=gramian.dtype)
    products = gramian.clone()  # of the repaired gradients with the given ones
    usual = usual.clone()
    for others in orders.T:
        own = (coefficients * products).sum(1).clamp(min=0).sqrt()
        both = own * lengths[others]
        cosine = torch.where(both > 0, products[everyone, others] / both, 1.0).clamp(-1, 1)
        target = usual[everyone, others]
        sine, target_sine = (1 - cosine.square()).sqrt(), (1 - target.square()).clamp(min=0).sqrt()
        reach = lengths[others] * target_sine
        added = own * (target * sine - cosine * target_sine) / torch.where(reach > 0, reach, 1.0)
        added = torch.where((cosine < target) & (reach > 0), added, 0.0)
        coefficients[everyone, others] += added
        products += added[:, None] * gramian[others]
        usual[everyone, others] = torch.where(both > 0, (1 - decay) * target + decay * cosine, target)
    return coefficients, usual


def random_orders(n: int) -> Tensor:
    """Return for each of n objectives a random order of the others, ``[n, n - 1]``."""
    draws = torch.rand(n, n).fill_diagonal_(2.0)
    return draws.argsort(1)[:, :-1]
