"""Gradients that conflict, of whatever lengths, and what a balancer makes of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing import Balancer, Evidence

NAMES = ("a", "b", "c")


def rows_of(n: int = 3, seed: int = 0, *, steps: int = 1) -> Tensor:
    """Gradients of conflicting objectives, ``[objective, parameter]`` or ``[step, objective, parameter]``."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(steps, n, 12, generator=draw, dtype=torch.float64)
    rows = rows - 0.8 * rows.mean(1, keepdim=True)
    return rows[0] if steps == 1 else rows


def seen(rows: Tensor, names: Sequence[str] = NAMES, losses: Tensor | None = None) -> Evidence:
    values = torch.linspace(0.5, 2, len(rows), dtype=rows.dtype) if losses is None else losses
    return Evidence(tuple(names), values, lambda: rows, cross=lambda: rows @ rows.roll(1, 1).T)


def weights(balancer: Balancer, rows: Tensor, names: Sequence[str] = NAMES) -> Tensor:
    return balancer(seen(rows, names)).values.detach()


def of_lengths(n: int, m: int, seed: int, spread: float) -> Tensor:
    """Gradients of random directions whose lengths differ up to 10 to the power of `spread`-fold."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, m, generator=draw, dtype=torch.float64)
    exponents = torch.rand(n, 1, generator=draw, dtype=torch.float64)
    exponents[0], exponents[-1] = 0, 1
    return rows / rows.norm(dim=1, keepdim=True) * 10 ** (spread * (exponents - 0.5))


def cosines_of(balancer: Balancer, rows: Tensor) -> Tensor:
    update = weights(balancer, rows, "abcde"[: len(rows)]).double() @ rows.double()
    return rows.double() @ update / rows.double().norm(dim=1) / update.norm()
