"""At which door a message is read: of a function in Python, an estimator, or the command."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from polytask.core.errors import InputError

__all__ = ["at_the_command", "at_the_estimator", "by_door"]

_DOOR: ContextVar[str] = ContextVar("door", default="python")
_TAKEN = {"group": "groups", "time_column": "times", "weight_column": "sample_weight", "targets": "y"}
"""What `polytask.fit` takes as columns of the table, and an estimator beside it."""


def at_the_command() -> AbstractContextManager[None]:
    """Let messages of the block name what can be typed."""
    return _at("command")


@contextmanager
def at_the_estimator() -> Iterator[None]:
    """Let messages of the block name what an estimator of scikit-learn takes.

    Example:
        >>> with at_the_estimator():
        ...     raise InputError("Leave out `group`, or `weight_column`.")
        Traceback (most recent call last):
        polytask.core.errors.InputError: Leave out `groups`, or `sample_weight`.
    """
    try:
        with _at("estimator"):
            yield
    except InputError as error:
        error.args = (_as_taken(str(error)),)
        raise


@contextmanager
def _at(door: str) -> Iterator[None]:
    token = _DOOR.set(door)
    try:
        yield
    finally:
        _DOOR.reset(token)


def by_door(*, python: str, command: str, estimator: str | None = None) -> str:
    """Return the remedy that exists where the message is read; an estimator's is that of Python by default.

    Settings need no such choice: in backticks, as in ```width```, the command writes them as its options.

    Example:
        >>> with at_the_command():
        ...     by_door(python="make the column categorical", command="rename the class in the file")
        'rename the class in the file'
    """
    return {"command": command, "estimator": python if estimator is None else estimator}.get(
        _DOOR.get(), python
    )


def _as_taken(text: str) -> str:
    return re.sub(r"`([a-z_]+)`", lambda match: f"`{_TAKEN.get(match[1], match[1])}`", text)
