"""Columns of a table that are written beside the answers, so that these can be told apart and joined back."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from polytask.core import InputError
from polytask.core.doors import by_door
from polytask.core.names import name_problem
from polytask.data.tables.column import each_by_itself
from polytask.data.tables.large_table import LargeTable

__all__ = ["beside", "kept_columns"]


def kept_columns(keep: Any, table: pd.DataFrame | LargeTable | None) -> tuple[str, ...]:
    """Check which columns are asked for.

    Args:
        keep: A name, or several.
        table: The table, as `open_table` returns it; None where there is none.

    Raises:
        InputError: One stands twice, or the table lacks it; or there is no table.

    Example:
        >>> kept_columns("id", pd.DataFrame({"id": [1], "x": [2]}))
        ('id',)
    """
    names = _names(keep)
    if table is None:
        if names:
            raise InputError(
                "`keep` names columns of a table, but what is to be predicted is in none. Leave it out; "
                "answers are in the order of the examples, and say which file each is of."
            )
        return ()
    there = [str(name) for name in (table.columns if isinstance(table, pd.DataFrame) else table.names)]
    problems = [
        f"the table has no column {name!r}, but {several}"
        if (several := each_by_itself(name, there, "keep"))
        else name_problem(f"the table has no column {name!r}", name, there)
        for name in names
        if name not in there
    ]
    problems += [f"there are several columns {name!r}" for name in names if there.count(name) > 1]
    problems += [f"{name!r} stands there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise InputError(f"`keep`: {'; '.join(problems)}.")
    return names


def beside(frame: pd.DataFrame, keep: Sequence[str], predictions: pd.DataFrame) -> pd.DataFrame:
    """Put columns of a table in front of the answers for its rows.

    Raises:
        InputError: An answer has the same name.
    """
    if not keep:
        return predictions
    if both := [name for name in keep if name in predictions.columns]:
        remedy = by_door(
            python="Join them by the index, which answers share with the table, or rename the column",
            command="Rename the column in the table; answers are in the order of its rows",
        )
        raise InputError(f"`keep`: {both[0]!r} is also the name of a column of answers. {remedy}.")
    return pd.concat([frame[list(keep)], predictions], axis=1)


def _names(keep: Any) -> tuple[str, ...]:
    """Take names as people write them; tables name all their columns by text."""
    if keep is None:
        return ()
    return tuple(map(str, keep)) if isinstance(keep, Iterable) and not isinstance(keep, str) else (str(keep),)
