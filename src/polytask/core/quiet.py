"""What a library warns of is not shown while a block runs; blocks of threads may overlap in any order.

`warnings.catch_warnings` copies all filters and puts the copy back, so that two threads that leave in another
order than they came leave the filters of one for good. Here a block adds one filter, which goes with the last
block that has it; nothing else is touched. While it is there, it counts for all threads.
"""

import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

__all__ = ["filtered_warnings"]

_LOCK = threading.Lock()
_INSIDE: Counter[tuple[str, type[Warning]]] = Counter()
_ANY = "(?:)"  # a message that nobody else writes, so that filters of others are told from ours


@contextmanager
def filtered_warnings(
    category: type[Warning], action: Literal["ignore", "error"] = "ignore"
) -> Iterator[None]:
    """Ignore warnings of a category while the block runs, or raise them.

    Args:
        category: That of another library, which nobody waits for.
        action: What is done with them.

    Example:
        >>> with filtered_warnings(BytesWarning):
        ...     warnings.warn("of no use", BytesWarning)
    """
    key = (action, category)
    with _LOCK:
        _INSIDE[key] += 1
        if _filter(key) not in warnings.filters:  # also where somebody has put older filters back
            warnings.filterwarnings(action, message=_ANY, category=category)
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE[key] -= 1
            if not _INSIDE[key]:
                del _INSIDE[key]
                with suppress(ValueError):
                    warnings.filters.remove(_filter(key))  # pyright: ignore[reportAttributeAccessIssue]


def _filter(key: tuple[str, type[Warning]]) -> tuple[str, re.Pattern[str], type[Warning], None, int]:
    """Return the filter as `warnings` keeps it."""
    action, category = key
    return (action, re.compile(_ANY, re.IGNORECASE), category, None, 0)
