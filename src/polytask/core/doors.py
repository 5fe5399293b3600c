"""At which door a message is read: by a caller in Python, or by somebody who typed the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["at_the_command", "by_door"]

_AT_THE_COMMAND: ContextVar[bool] = ContextVar("at the command", default=False)


@contextmanager
def at_the_command() -> Iterator[None]:
    """Let messages of the block name what can be typed."""
    token = _AT_THE_COMMAND.set(True)
    try:
        yield
    finally:
        _AT_THE_COMMAND.reset(token)


def by_door(*, python: str, command: str) -> str:
    """Return the remedy that exists where the message is read.

    Settings need no such choice: in backticks, as in ```width```, the command writes them as its options.

    Example:
        >>> with at_the_command():
        ...     by_door(python="make the column categorical", command="rename the class in the file")
        'rename the class in the file'
    """
    return command if _AT_THE_COMMAND.get() else python
