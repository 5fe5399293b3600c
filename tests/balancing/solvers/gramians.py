"""Gradients of several kinds, and their Gramians."""

import pytest
import torch

KINDS = ("independent", "conflicting", "of low rank", "of unequal lengths")


gramians = pytest.mark.parametrize("kind", KINDS)


sizes = pytest.mark.parametrize("n", [1, 2, 3, 11, 40])


def rows_of(kind: str, n: int, seed: int = 0) -> torch.Tensor:
    """Gradients ``[objective, parameter]`` of a kind."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, max(1, n // 2) if kind == "of low rank" else 60, generator=draw).double()
    if kind == "conflicting":
        rows = rows - 0.9 * rows.mean(0)
    if kind == "of unequal lengths":
        rows = rows * torch.logspace(-2, 2, n, dtype=torch.float64)[:, None]
    return rows


def gramian_of(kind: str, n: int, seed: int = 0) -> torch.Tensor:
    rows = rows_of(kind, n, seed)
    return rows @ rows.T


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())
