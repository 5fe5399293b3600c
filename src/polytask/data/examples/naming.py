"""Which examples a message means."""

from collections.abc import Callable, Sequence

from polytask.core.names import short_name

__all__ = ["named"]


def named(indices: Sequence[int], called: Callable[[int], str], most: int = 10) -> str:
    """Name examples by their index.

    Args:
        indices: Which ones.
        called: What an example is called.
        most: How many are named.

    Example:
        >>> named([0, 4, 7], "row {}".format, most=2)
        'row 0, row 4 and 1 more'
    """
    names = ", ".join(short_name(called(index)) for index in indices[:most])
    return names + (f" and {len(indices) - most} more" if len(indices) > most else "")
