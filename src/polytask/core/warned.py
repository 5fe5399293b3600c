"""Tell all that is noteworthy of data."""

import warnings
from collections.abc import Iterable

from polytask.core.errors import DataWarning

__all__ = ["warn_all"]


def warn_all(messages: Iterable[str], *, stacklevel: int) -> None:
    """Warn by a `DataWarning` for each message.

    Args:
        messages: What is told.
        stacklevel: Whose line the warnings point at, as `warnings.warn` would take it where this is called:
            1 for the line of the call, 2 for the line of its caller.
    """
    for message in messages:
        warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)
