"""How many threads torch uses for work that is too small to share."""

import contextlib
from collections.abc import Iterator

import torch

from polytask.core.process_setting import ProcessSetting

__all__ = ["single_threaded"]


@contextlib.contextmanager
def single_threaded(*, when: bool = True) -> Iterator[None]:
    """Run torch on one CPU thread inside the block.

    Steps of a few thousand numbers spend more time handing work to threads than doing it: on a busy machine a
    small net trains several times faster on one. Blocks may be open in several threads at once, and in each
    other: what was set before the first of them is given back.

    Args:
        when: False leaves everything as it is.
    """
    if not when or _BLOCKS.holds_here():
        yield
        return
    with _BLOCKS.block() as before:
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextlib.contextmanager
def _before() -> Iterator[int]:
    """Give the number before the first block; torch keeps one for every thread, which each block sets."""
    yield torch.get_num_threads()


_BLOCKS = ProcessSetting(_before)
