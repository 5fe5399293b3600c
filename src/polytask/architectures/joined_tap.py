"""Several shared tensors, left by every task at one place."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core.shared_model import tap

__all__ = ["tap_together"]


def tap_together(
    shared: Sequence[Tensor], names: Sequence[str]
) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
    """Join shared tensors to one, give every task its own view of it, and cut that into the parts again.

    For architectures whose tasks read more than one shared tensor: a task's tap must lie on every path from
    shared parameters to its answer, so that all of these tensors belong into it.

    Args:
        shared: Tensors ``[batch, ...]``, each of its own shape, with one batch size.
        names: The tasks.

    Returns:
        The taps by task name, and by task name the parts in the order and shape of ``shared``. A single
        tensor is tapped as it is, without a copy.

    Example:
        >>> taps, parts = tap_together([torch.zeros(2, 3, 4), torch.ones(2, 5)], ["a", "b"])
        >>> taps["a"].shape, [part.shape for part in parts["b"]]
        (torch.Size([2, 17]), [torch.Size([2, 3, 4]), torch.Size([2, 5])])
    """
    if len(shared) == 1:
        taps = tap(shared[0], names)
        return taps, {name: [taps[name]] for name in names}
    shapes = [tensor.shape for tensor in shared]
    widths = [math.prod(shape[1:]) for shape in shapes]
    taps = tap(torch.cat([tensor.reshape(tensor.shape[0], -1) for tensor in shared], dim=1), names)
    parts = {
        name: [piece.reshape(shape) for piece, shape in zip(taps[name].split(widths, dim=1), shapes)]
        for name in names
    }
    return taps, parts
