"""Several problems, one error: a table is mended in one go."""

from collections.abc import Iterable, Sequence

from polytask.core import DataError

__all__ = ["FOREIGN", "examples", "problem_error", "some_rows"]

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


def some_rows(count: int) -> str:
    """Write a number of rows.

    Example:
        >>> some_rows(1), some_rows(2)
        ('1 row', '2 rows')
    """
    return "1 row" if count == 1 else f"{count} rows"
