"""Forward passes that leave no trace in a module's buffers."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.parameter import is_lazy

__all__ = ["Buffers", "kept_buffers"]


@contextlib.contextmanager
def kept_buffers(*modules: nn.Module) -> Iterator[None]:
    """Let the buffers of modules move inside the block, and give them back as they were at its end.

    For forward passes that are not the step's own: a look ahead, a second look, a validation batch. Running
    statistics, spectral norms and counters must take in each training batch once.

    Inside the block copies take the buffers' places, so that a graph made before still holds the tensors that
    it knows, unchanged.

    Args:
        modules: Whose buffers are kept.

    Example:
        >>> layer = nn.BatchNorm1d(2)
        >>> with kept_buffers(layer):
        ...     _ = layer(torch.ones(4, 2))
        ...     print(int(layer.num_batches_tracked))
        1
        >>> int(layer.num_batches_tracked)
        0
    """
    before = Buffers(*modules)
    before.stand_in()
    try:
        yield
    finally:
        before.put_back()


class Buffers:
    """The buffers of modules as they are when this is made.

    Args:
        modules: Whose buffers; one that several modules hold stays the same for all.
    """

    def __init__(self, *modules: nn.Module) -> None:
        owners = {id(owner): owner for module in modules for owner in module.modules()}
        self._places = [
            (owner, name, buffer)
            for owner in owners.values()
            for name, buffer in owner._buffers.items()
            if buffer is None or not is_lazy(buffer)  # what has no shape yet has nothing to keep
        ]
        self._values = {
            id(buffer): buffer.detach().clone() for _, _, buffer in self._places if buffer is not None
        }

    def stand_in(self) -> None:
        """Put the copies in the buffers' places."""
        for owner, name, buffer in self._places:
            owner._buffers[name] = None if buffer is None else self._values[id(buffer)]

    def put_back(self) -> None:
        """Put the buffers themselves back in their places, with whatever they hold."""
        for owner, name, buffer in self._places:
            owner._buffers[name] = buffer

    def restore(self) -> None:
        """Put the buffers back in their places, with the values that they had."""
        self.put_back()
        with torch.no_grad():
            for _, _, buffer in self._places:
                if buffer is not None:
                    buffer.copy_(self._values[id(buffer)])
