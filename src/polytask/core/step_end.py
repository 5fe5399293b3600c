"""What counts training steps must know: whether a forward pass is the last one of its step."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["ends_step", "part_of_step"]

_ends: ContextVar[bool] = ContextVar("ends_step", default=True)


@contextlib.contextmanager
def part_of_step(*, last: bool) -> Iterator[None]:
    """Run a part of a step that comes in parts.

    Args:
        last: Whether it is the last one.
    """
    token = _ends.set(last)
    try:
        yield
    finally:
        _ends.reset(token)


def ends_step() -> bool:
    """Tell whether the forward pass that runs is its step's last one, so that a step is counted once.

    Example:
        >>> with part_of_step(last=False):
        ...     print(ends_step())
        False
        >>> ends_step()
        True
    """
    return _ends.get()
