"""Heads computed in 32 bits or more, where the network before them has 16."""

import torch
from torch import Tensor

__all__ = ["full_precision", "widened"]


def full_precision(tensor: Tensor) -> torch.autocast:
    """Switch autocast off on the tensor's device, for the block.

    Sums of squares, distances and linear systems lose too many digits in 16 bits; a head costs little beside
    its encoder.

    Example:
        >>> x = torch.tensor([[257.0]])  # needs nine bits
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     rounded = x @ x
        ...     with full_precision(x):
        ...         exact = x @ x
        >>> float(rounded), float(exact)
        (65536.0, 66049.0)
    """
    return torch.autocast(tensor.device.type, enabled=False)


def widened(tensor: Tensor) -> Tensor:
    """Return floating numbers in 32 bits where they have 16, and as they are where they have more.

    Example:
        >>> widened(torch.zeros(1, dtype=torch.bfloat16)).dtype, widened(torch.zeros(1).double()).dtype
        (torch.float32, torch.float64)
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
