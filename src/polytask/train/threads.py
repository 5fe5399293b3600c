"""How many threads torch uses for work that is too small to share."""

import contextlib
import threading
from collections.abc import Iterator

import torch

__all__ = ["single_threaded"]


class _Blocks:
    """How many blocks are open in this process, and how many threads there were before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.before = 1


_BLOCKS = _Blocks()


@contextlib.contextmanager
def single_threaded(*, when: bool = True) -> Iterator[None]:
    """Run torch on one CPU thread inside the block.

    Steps of a few thousand numbers spend more time handing work to threads than doing it: on a busy machine a
    small net trains several times faster on one. Blocks may be open in several threads at once: what was
    set before the first of them is given back.

    Args:
        when: False leaves everything as it is.
    """
    if not when:
        yield
        return
    with _BLOCKS.lock:
        if not _BLOCKS.number:
            _BLOCKS.before = torch.get_num_threads()
        _BLOCKS.number += 1
        before = _BLOCKS.before
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _BLOCKS.lock:
            _BLOCKS.number -= 1
            torch.set_num_threads(before)
