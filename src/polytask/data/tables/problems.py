"""Several problems, one error: a table is mended in one go."""

import unicodedata
from collections.abc import Iterable, Sequence

from polytask.core import DataError

__all__ = ["FOREIGN", "examples", "look_alikes", "problem_error", "some_rows"]

FOREIGN = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError)
"""What pandas, numpy, Arrow and the objects in a table raise."""


def problem_error(problems: Sequence[str]) -> DataError:
    """Join problems, which are sentences, into one error; several get a line each.

    Example:
        >>> str(problem_error(["Column 'a' is empty.", "Column 'b' is empty."]))
        "There are 2 problems:\\n- Column 'a' is empty.\\n- Column 'b' is empty."
    """
    if len(problems) == 1:
        return DataError(problems[0])
    return DataError(
        f"There are {len(problems)} problems:" + "".join(f"\n- {problem}" for problem in problems)
    )


def examples(values: Iterable[object], *, limit: int = 5) -> str:
    """List the first few values for a message.

    Example:
        >>> examples(["a", "b", "c"], limit=2)
        "'a', 'b' and 1 more"
    """
    shown = [repr(value) for value in values]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more


def look_alikes(names: Iterable[str], where: str, what: str) -> list[str]:
    """Point out names that differ only by how Unicode writes an accent, as a Mac and a PC may.

    Args:
        names: All of them, each once.
        where: Names what they stand in.
        what: What they are: classes, tasks.

    Example:
        >>> look_alikes(["cafe\\u0301", "caf\\xe9", "tea"], "Target 'y'", "classes")[0][:80]
        "Target 'y': 'cafe\\\\u0301' and 'caf\\\\xe9' look alike but count as different classes"
    """
    composed: dict[str, list[str]] = {}
    for name in names:
        if not name.isascii():
            composed.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    alike = [" and ".join(map(ascii, twins)) for twins in composed.values() if len(twins) > 1]
    if not alike:
        return []
    more = f"; and {len(alike) - 5} more" if len(alike) > 5 else ""
    return [
        f"{where}: {'; '.join(alike[:5])}{more} look alike but count as different {what}, as their accents "
        "are written in two forms of Unicode. Write all in the composed form (NFC) if they are one."
    ]


def some_rows(count: int) -> str:
    """Write a number of rows.

    Example:
        >>> some_rows(1), some_rows(2)
        ('1 row', '2 rows')
    """
    return "1 row" if count == 1 else f"{count} rows"
