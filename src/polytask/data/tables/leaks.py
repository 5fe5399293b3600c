"""Checks that nothing of the test rows is known from the training rows."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.data.tables.column import column_categories, column_kind, column_numbers, one_column
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.splits import Split, row_groups, row_order_values

__all__ = ["check_leak", "repeated_rows_message"]

_PARTS = ("train", "validation", "test")


def check_leak(
    frame: pd.DataFrame,
    split: Split,
    *,
    group: str | None = None,
    time: str | None = None,
    columns: Sequence[str] = (),
) -> list[str]:
    """Check a split of a table for leaks.

    Args:
        frame: The table.
        split: Positions of its rows.
        group: A column whose values must each be in one part only.
        time: A column by which training comes before validation, and that before test.
        columns: Report test rows that equal a training row in all of these.

    Returns:
        Warnings, as sentences.

    Raises:
        DataError: A row, or a group, is in two parts; the parts are not in the order of time; a position is
            not one of the table's.

    Example:
        >>> rows = np.arange(6).reshape(3, 2)
        >>> split = Split(train=rows[0], validation=rows[1], test=rows[2])
        >>> check_leak(pd.DataFrame({"x": [1, 2, 3, 4, 1, 5]}), split, columns=["x"])
        ['1 of 2 test rows equals a training row in all features; ...']
    """
    parts = {name: np.asarray(getattr(split, name)) for name in _PARTS}
    outside = [
        name for name, rows in parts.items() if len(rows) and not 0 <= rows.min() <= rows.max() < len(frame)
    ]
    if outside:
        raise DataError(f"The {outside[0]} rows are not all positions of a table with {len(frame)} rows.")
    problems = []
    for (first, first_rows), (second, second_rows) in itertools.combinations(parts.items(), 2):
        n_rows = len(np.intersect1d(first_rows, second_rows))
        if n_rows:
            problems.append(
                f"The {first} and {second} rows share {some_rows(n_rows)}; a row belongs to one part."
            )
    if group is not None:
        problems += _group_problems(one_column(frame, group), parts)
    if time is not None:
        problems += _time_problems(one_column(frame, time), parts)
    if problems:
        raise problem_error(problems)
    return _repeated_rows(frame, split, columns) if columns else []


def _group_problems(column: pd.Series, parts: dict[str, np.ndarray]) -> list[str]:
    codes, _ = row_groups(column)
    names = column_categories(column)
    problems = []
    for (first, first_rows), (second, second_rows) in itertools.combinations(parts.items(), 2):
        _, positions, _ = np.intersect1d(codes[first_rows], codes[second_rows], return_indices=True)
        if len(positions):
            problems.append(
                f"Groups {examples(names[first_rows[positions]])} of {column.name!r} are both in {first} and "
                f"in {second}. Split by `split_groups`."
            )
    return problems


def _time_problems(column: pd.Series, parts: dict[str, np.ndarray]) -> list[str]:
    values = row_order_values(column)
    return [
        f"Some {later} rows are not later in {column.name!r} than all {earlier} rows. Split by `split_time`."
        for earlier, later in itertools.combinations(parts, 2)
        if len(parts[earlier])
        and len(parts[later])
        and values[parts[earlier]].max() >= values[parts[later]].min()
    ]


def _repeated_rows(frame: pd.DataFrame, split: Split, columns: Sequence[str]) -> list[str]:
    codes = np.zeros(len(frame), dtype=np.int64)  # [row], equal for rows that are equal so far
    for name in columns:
        of_column = _value_codes(one_column(frame, name))
        _, codes = np.unique(codes * (of_column.max() + 1) + of_column, return_inverse=True)
    repeated = np.isin(codes[split.test], codes[split.train])
    return repeated_rows_message(repeated)


def repeated_rows_message(repeated: np.ndarray) -> list[str]:
    """Tell how many test rows equal a training row, given which do, bool ``[row]``; nothing for none."""
    n_rows = int(repeated.sum())
    if not n_rows:
        return []
    return [
        f"{n_rows} of {len(repeated)} test rows {'equals' if n_rows == 1 else 'equal'} a training row in all "
        "features; figures on them tell nothing about new rows. Remove repeated rows, or split by a group "
        "that keeps them together."
    ]


def _value_codes(column: pd.Series) -> np.ndarray:
    """Number the values of a column, 0 where missing."""
    number = column_kind(column) in ("number", "boolean")
    values = column_numbers(column) if number else column_categories(column)
    return pd.factorize(values)[0] + 1
