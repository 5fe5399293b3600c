"""Training and evaluation mode, module by module: what somebody froze in evaluation mode stays so."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode inside the block: no dropout, no statistics of batches.

    Afterwards every part has the mode that it had, also one that is in evaluation mode inside a module in
    training mode.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(2).eval(), nn.Dropout())
        >>> with evaluating(net):
        ...     print([part.training for part in net])
        [False, False]
        >>> [part.training for part in net]
        [False, True]
    """
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
