"""What one column of a table holds: numbers, truth values, times or categories."""

import datetime
import difflib
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.data.problems import examples, some_rows

__all__ = [
    "ColumnKind",
    "column_categories",
    "column_days",
    "column_kind",
    "column_numbers",
    "one_column",
    "read_number",
    "spell",
]

ColumnKind = Literal["number", "boolean", "time", "category"]

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_TRUTH = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}
_NUMERIC = (int, float, np.bool_, np.integer, np.floating, Decimal)
_DAY = 86_400e6  # microseconds


def one_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the column of this name.

    Raises:
        DataError: There is none, or more than one.
    """
    if name in frame.columns:
        column = frame[name]
        if isinstance(column, pd.Series):
            return column
        raise DataError(f"There are several columns {name!r}; give each its own name.")
    columns = [str(column) for column in frame.columns]
    folded = {column.casefold(): column for column in columns}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[close[0]]!r}?" if close else f"the table has {examples(columns, limit=10)}."
    raise DataError(f"There is no column {name!r}; {hint}")


def column_kind(column: pd.Series) -> ColumnKind:
    """Tell what a column holds, whatever its type: text counts as what it spells.

    Numbers and truth values stored as text count as such if all of them can be read, and so do times in ISO
    form, ``2024-03-31`` or ``2024-03-31 12:30``. A pandas categorical stays a category. A column without
    any value counts as numbers.

    Raises:
        DataError: It holds something else, e.g. lists or complex numbers.

    Example:
        >>> [column_kind(pd.Series(values)) for values in (["1", "2.5"], ["yes", "1"], ["2024-03-31"])]
        ['number', 'category', 'time']
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(
            f"Column {column.name!r} holds complex numbers. Split it into real and imaginary parts."
        )
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    return _kind_of_values(_distinct(column)[1], f"Column {column.name!r}")


def column_numbers(column: pd.Series) -> np.ndarray:
    """Read a column as numbers, float64 ``[row]``: NaN where missing.

    Truth values count as 0 and 1, durations in days.

    Raises:
        DataError: A value is not a number.

    Example:
        >>> column_numbers(pd.Series(["1", None, "2.5"]))
        array([1. , nan, 2.5])
    """
    dtype = column.dtype
    if pd.api.types.is_timedelta64_dtype(dtype):
        return (column.dt.total_seconds() / 86_400).to_numpy(dtype=np.float64, na_value=np.nan).copy()
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    codes, values = _distinct(column)
    numbers = [read_number(value) if (truth := _truth(value)) is None else float(truth) for value in values]
    wrong = [position for position, number in enumerate(numbers) if number is None]
    if wrong:
        raise _unreadable(column, codes, values, wrong, "numbers", "Write numbers with a decimal point")
    return np.array([*numbers, math.nan], dtype=np.float64)[codes]


def column_days(column: pd.Series) -> np.ndarray:
    """Read a column of times as days since 1970 (UTC), float64 ``[row]``, NaN where missing.

    Raises:
        DataError: A value is no time; text must be in ISO form.

    Example:
        >>> column_days(pd.Series(["1970-01-02", "1970-01-02 12:00", None]))
        array([1. , 1.5, nan])
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _days(pd.DatetimeIndex(column))
    codes, values = _distinct(column)
    days = _days_of_values(values)
    wrong = np.flatnonzero(np.isnan(days)).tolist()
    if wrong:
        raise _unreadable(
            column, codes, values, wrong, "times", "Write times as 2024-03-31 or 2024-03-31 12:30"
        )
    return np.append(days, math.nan)[codes]


def column_categories(column: pd.Series) -> np.ndarray:
    """Read a column as categories: text, or None where missing, object ``[row]``.

    One value has one spelling, however the column is stored: see `spell`.

    Example:
        >>> column_categories(pd.Series([0.0, 1.0, None])).tolist()
        ['0', '1', None]
    """
    codes, values = _distinct(column)
    texts = np.empty(len(values) + 1, dtype=object)  # the last one is None, for code -1
    texts[:-1] = [spell(value) for value in values]
    return texts[codes]


def spell(value: Any) -> str:
    """Write a value in the one way that does not depend on how its column was stored.

    Example:
        >>> [spell(value) for value in (1.0, "1.0", 1, True, "true", " red ")]
        ['1', '1', '1', 'True', 'True', 'red']
    """
    if isinstance(value, str):
        value = value.strip()
        if value in _TRUTH:
            return str(_TRUTH[value])
        if len(value) > 18 or not _NUMBER.fullmatch(value):  # beyond 18 digits a float would lose some
            return value
        value = float(value)
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer) and int(value).bit_length() < 128:
        return str(int(value))
    if isinstance(value, _NUMERIC):
        number = _float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e18 else repr(number)
    if isinstance(value, datetime.datetime):
        text = value.isoformat(sep=" ")
        return text.removesuffix(" 00:00:00")
    return str(value)


def read_number(value: Any) -> float | None:
    """Read a number or a text that spells one; None where it is neither.

    Example:
        >>> read_number("1e3"), read_number(2), read_number("two")
        (1000.0, 2.0, None)
    """
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    return _float(value) if isinstance(value, _NUMERIC) else None


def _distinct(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return a code per row, -1 where missing, and the value of each code."""
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:  # a value that cannot be hashed
        odd = next((value for value in column if isinstance(value, list | dict | set | np.ndarray)), None)
        raise DataError(_foreign(f"Column {column.name!r}", odd)) from error
    return codes, list(values)


def _kind_of_values(values: Sequence[Any], where: str) -> ColumnKind:
    if all(read_number(value) is not None for value in values):
        truths = values and all(isinstance(value, bool | np.bool_) for value in values)
        return "boolean" if truths else "number"
    if all(_truth(value) is not None for value in values):
        return "boolean"
    if all(_may_be_time(value) for value in values) and not np.isnan(_days_of_values(values)).any():
        return "time"
    odd = [value for value in values if not isinstance(value, (str, *_NUMERIC, datetime.date, np.datetime64))]
    # Ranges and periods have a spelling; anything else is a mistake.
    odd = [value for value in odd if not isinstance(value, pd.Interval | pd.Period)]
    if odd:
        raise DataError(_foreign(where, odd[0]))
    return "category"


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond 1e308
        return math.inf if value > 0 else -math.inf


def _truth(value: Any) -> bool | None:
    """Read a truth value or a text that spells one; None where it is neither."""
    if isinstance(value, str):
        return _TRUTH.get(value.strip())
    return bool(value) if isinstance(value, bool | np.bool_) else None


def _may_be_time(value: Any) -> bool:
    if isinstance(value, str):
        return _DATE.fullmatch(value.strip()) is not None
    return isinstance(value, datetime.date | np.datetime64)


def _days_of_values(values: Sequence[Any]) -> np.ndarray:
    """Read single times as days since 1970, NaN where a value is none."""
    texts = [str(value).strip() if _may_be_time(value) else None for value in values]
    times = pd.to_datetime(pd.Index(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    return _days(pd.DatetimeIndex(times))


def _days(times: pd.DatetimeIndex) -> np.ndarray:
    if times.tz is not None:
        times = times.tz_convert(None)
    microseconds = times.as_unit("us").to_numpy().astype(np.int64)
    return np.where(times.isna(), math.nan, microseconds / _DAY)


def _unreadable(
    column: pd.Series, codes: np.ndarray, values: Sequence[Any], wrong: Sequence[int], what: str, remedy: str
) -> DataError:
    n_rows = int(np.isin(codes, wrong).sum())
    found = examples((spell(values[position]) for position in wrong), limit=3)
    return DataError(
        f"Column {column.name!r} should hold {what}, but has {found} ({some_rows(n_rows)}). {remedy} and "
        "leave unknown ones empty."
    )


def _foreign(where: str, value: Any) -> str:
    kind = "objects" if value is None else f"objects of type {type(value).__name__}"
    return f"{where} holds {kind}. Keep numbers, text, truth values or times, or drop it."
