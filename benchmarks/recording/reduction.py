"""Few numbers that stand for a tensor, or for the figures of a run, and allow a tolerance."""

import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

__all__ = ["Part", "rounded", "seed_of", "series", "table", "tensors"]

Part = Any
"""Plain JSON: what `tensors`, `series` or `table` makes, or results as they are."""


def seed_of(*path: str) -> int:
    """Return a seed that belongs to these words."""
    return zlib.crc32("/".join(path).encode())


def tensors(named: Iterable[tuple[str, Tensor]]) -> Part:
    """Reduce each tensor to its sum, its length and its product with a fixed random vector.

    The names are for readers: tensors are compared by their order, or else by what they hold.
    """
    return {"tensors": [[name, list(tensor.shape), *_reduced(tensor)] for name, tensor in named]}


def _reduced(tensor: Tensor) -> list[float]:
    flat = tensor.detach().reshape(-1).double()
    return [rounded(float(value)) for value in (flat.sum(), flat.norm(), flat @ _direction(len(flat)))]


@functools.cache
def _direction(n: int) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)


def series(rows: Sequence[Mapping[str, float]], kind: str) -> Part:
    """Return the figures of a kind step by step, by name; None where a step has none."""
    names = dict.fromkeys(key for row in rows for key in row if key.startswith(f"{kind}/"))
    return {
        name.removeprefix(f"{kind}/"): [rounded(row[name]) if name in row else None for row in rows]
        for name in names
    }


def table(frame: pd.DataFrame) -> Part:
    """Return the columns of predictions; numbers as numbers, all else as text."""
    return {
        str(name): [rounded(float(value)) for value in column]
        if pd.api.types.is_float_dtype(column.dtype)
        else [str(value) for value in column]
        for name, column in frame.items()
    }


def rounded(value: float) -> float:
    """Return a number with 15 digits, which is shorter to write."""
    return float(f"{value:.15g}")
