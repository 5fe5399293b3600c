"""Sets of classes as one cell of a table."""

import json
from collections.abc import Sequence

__all__ = ["written_set"]


def written_set(names: Sequence[str]) -> str:
    """Write the names of a set so that they can be told apart.

    Example:
        >>> written_set(["a", "b"]), written_set(["a|b", "c"])
        ('a|b', '["a|b", "c"]')
    """
    if any("|" in name for name in names):
        return json.dumps(list(names), ensure_ascii=False)
    return "|".join(names)
