"""Sets of classes as one cell of a table."""

import json
import re
from collections.abc import Sequence

__all__ = ["read_escaped_set", "read_set", "written_set"]


def written_set(names: Sequence[str]) -> str:
    """Write the names of a set so that they can be told apart.

    Example:
        >>> written_set(["a", "b"]), written_set(["a|b", "c"])
        ('a|b', '["a|b", "c"]')
    """
    if any("|" in name or name.startswith("[") for name in names):
        return json.dumps(list(names), ensure_ascii=False)
    return "|".join(names)


def read_set(text: str) -> list[str]:
    """Return the names that `written_set` has written.

    Example:
        >>> read_set("a|b"), read_set('["a|b", "c"]')
        (['a', 'b'], ['a|b', 'c'])
    """
    return json.loads(text) if text.startswith("[") else text.split("|")


def read_escaped_set(text: str) -> list[str]:
    r"""Return the names of a set of a table's model, in which a ``|`` of a name has a backslash before it.

    Example:
        >>> read_escaped_set(r"a\|b|c")
        ['a|b', 'c']
    """
    return [name.replace("\\|", "|") for name in re.split(r"(?<!\\)\|", text)]
