"""Looking ahead: what would be, were some parameters elsewhere."""

import contextlib
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

__all__ = ["displaced"]


@contextlib.contextmanager
def displaced(parameters: Sequence[nn.Parameter], displacement: Tensor) -> Iterator[None]:
    """Move parameters inside the block, and put them back to the bit at its end.

    Other tensors take their place, and none is changed, so that a graph that was made before can be run
    backward afterwards; not inside, where it would find the displaced ones.

    Args:
        parameters: Which.
        displacement: What is added to them, flattened and joined, ``[parameter]``.

    Example:
        >>> import torch
        >>> weight = nn.Parameter(torch.zeros(2))
        >>> with displaced([weight], torch.ones(2)):
        ...     print(weight.tolist())
        [1.0, 1.0]
        >>> weight.tolist()
        [0.0, 0.0]
    """
    before = [parameter.data for parameter in parameters]
    pieces = displacement.split([parameter.numel() for parameter in parameters])
    try:
        for parameter, piece in zip(parameters, pieces, strict=True):
            parameter.data = parameter.data + piece.view_as(parameter).to(parameter.dtype)
        yield
    finally:
        for parameter, old in zip(parameters, before, strict=True):
            parameter.data = old
