"""How many threads torch uses for work that is too small to share."""

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["single_threaded"]


@contextlib.contextmanager
def single_threaded(*, when: bool = True) -> Iterator[None]:
    """Run torch on one CPU thread inside the block.

    Steps of a few thousand numbers spend more time handing work to threads than doing it: on a busy machine a
    small net trains several times faster on one.

    Args:
        when: False leaves everything as it is.
    """
    before = torch.get_num_threads()
    try:
        if when:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)
