"""What one column of a table holds: numbers, truth values, times or categories."""

import datetime
import math
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from polytask.core import DataError, PolytaskError
from polytask.core.doors import by_door
from polytask.core.names import either, near_names
from polytask.data.tables.cell import (
    DURATION,
    NUMERIC,
    is_code,
    may_be_time,
    read_number,
    read_truth,
    spell,
    valid_unicode,
)
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.problems import FOREIGN, examples, some_rows

__all__ = [
    "ColumnKind",
    "column_categories",
    "column_days",
    "column_distinct",
    "column_kind",
    "column_known",
    "column_numbers",
    "column_hint",
    "each_by_itself",
    "one_column",
]

ColumnKind = Literal["number", "boolean", "time", "category"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_DAY = 86_400e6  # microseconds


def _fenced(
    read: Callable[Concatenate[pd.Series, _P], _R],
) -> Callable[Concatenate[pd.Series, _P], _R]:
    """Turn what libraries and foreign objects raise into a `DataError` that names the column."""

    @wraps(read)
    def fenced(column: pd.Series, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return read(_plain(column), *args, **kwargs)
        except PolytaskError:
            raise
        except FOREIGN as error:
            why = next(iter(str(error).splitlines()), "")[:100]
            raise DataError(
                f"Column {column.name!r} of type {column.dtype} cannot be read ({type(error).__name__}: "
                f"{why}). Convert it to numbers, text, truth values or times, or drop it."
            ) from error

    return fenced


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
    raise DataError(f"There is no column {name!r}; {column_hint(frame, name)}")


def each_by_itself(name: str, columns: Collection[str], setting: str) -> str:
    """Say how to name columns that were given as one name with commas; empty where they are no such names.

    Example:
        >>> each_by_itself("age,sex", ["age", "sex", "id"], "drop")
        "there are 'age', 'sex'. Give a list of names"
    """
    parts = [part.strip() for part in name.split(",")]
    if len(parts) < 2 or name in columns or not all(part in columns for part in parts):
        return ""
    remedy = by_door(python="Give a list of names", command=f"Repeat `{setting}` for each of them")
    return f"there are {examples(parts)}. {remedy}"


def column_hint(frame: pd.DataFrame, name: str) -> str:
    """Say which column may be meant by a name that is none, or which there are."""
    columns = [str(column) for column in frame.columns]
    near = near_names(name, columns)
    if near:
        return f"did you mean {either([repr(column) for column in near])}?"
    return f"the table has {examples(columns, limit=10)}."


@_fenced
def column_kind(column: pd.Series) -> ColumnKind:
    """Tell what a column holds, whatever its type: text counts as what it spells.

    Numbers and truth values stored as text count as such if all of them can be read, and so do times in ISO
    form, ``2024-03-31`` or ``2024-03-31 12:30``. Text with leading zeros, ``0042``, stays text, and a pandas
    categorical stays a category. A column without any value counts as numbers.

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


@_fenced
def column_numbers(
    column: pd.Series, *, words: Collection[str] = (), form: NumberForm | None = None
) -> np.ndarray:
    """Read a column as numbers, float64 ``[row]``: NaN where missing.

    Truth values count as 0 and 1, durations in days.

    Args:
        column: The column.
        words: Text that counts as missing; see `column_reading`.
        form: How numbers in text are written; None for the way that Python reads.

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
    numbers = [_number_of(value, words, form) for value in values]
    wrong = [position for position, number in enumerate(numbers) if number is None]
    if wrong:
        like = f" like those in training, in {form.unit!r}" if form and form.unit else ""
        remedy = f"Write numbers{like or ' with a decimal point'}"
        raise _unreadable(column, codes, values, wrong, "numbers", remedy)
    return np.array([*numbers, math.nan], dtype=np.float64)[codes]


@_fenced
def column_days(column: pd.Series, *, words: Collection[str] = ()) -> np.ndarray:
    """Read a column of times as days since 1970 (UTC), float64 ``[row]``, NaN where missing.

    Args:
        column: The column.
        words: Text that counts as missing; see `column_reading`.

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
    ignored = np.array([isinstance(value, str) and value.strip() in words for value in values], dtype=bool)
    wrong = np.flatnonzero(np.isnan(days) & ~ignored).tolist()
    if wrong:
        raise _unreadable(
            column, codes, values, wrong, "times", "Write times as 2024-03-31 or 2024-03-31 12:30"
        )
    return np.append(days, math.nan)[codes]


@_fenced
def column_known(column: pd.Series) -> np.ndarray:
    """Tell which rows of a column have a value, bool ``[row]``.

    Raises:
        DataError: A value cannot be compared with others.
    """
    return column.notna().to_numpy(dtype=bool)


def column_categories(column: pd.Series) -> np.ndarray:
    """Read a column as categories: text, or None where missing, object ``[row]``.

    Text stays as it is, but for white space around it; other values are written by `spell`.

    Example:
        >>> column_categories(pd.Series([0.0, 1.0, None])).tolist()
        ['0', '1', None]
    """
    codes, _, names = column_distinct(column)
    texts = np.empty(len(names) + 1, dtype=object)  # the last one is None, for code -1
    texts[:-1] = names
    return texts[codes]


@_fenced
def column_distinct(column: pd.Series) -> tuple[np.ndarray, list[Any], list[str]]:
    """Return a code per row, -1 where missing, and for each code its value and how `spell` writes it.

    Raises:
        DataError: A value cannot be compared with others, or is text that is not valid Unicode.
    """
    codes, values = _distinct(column)
    names = [spell(value) for value in values]
    for name in names:
        if not name.isascii() and not valid_unicode(name):
            raise DataError(
                f"Column {column.name!r} holds text that is not valid Unicode ({name[:40]!a}). Decode it "
                "with the right encoding, or drop the column."
            )
    return codes, values, names


def _plain(column: pd.Series) -> pd.Series:
    """Store a column in a type whose values are Python's or numpy's own."""
    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        return pd.Series(np.asarray(column.array), index=column.index, name=column.name)
    if isinstance(dtype, pd.ArrowDtype):
        if dtype.kind == "m":
            return column.astype(np.dtype(f"timedelta64[{dtype.pyarrow_dtype.unit}]"))
        if dtype.kind not in "biufM":
            return column.astype(object)
    return column


def _distinct(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return a code per row, -1 where missing, and the value of each code."""
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:  # a value that cannot be hashed
        odd = next((value for value in column if not _hashable(value)), None)
        raise DataError(_foreign(f"Column {column.name!r}", odd)) from error
    return codes, list(values)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _kind_of_values(values: Sequence[Any], where: str) -> ColumnKind:
    if all(read_number(value) is not None for value in values):
        if any(map(is_code, values)):
            return "category"
        truths = values and all(isinstance(value, bool | np.bool_) for value in values)
        return "boolean" if truths else "number"
    if all(isinstance(value, DURATION) for value in values):
        return "number"
    if all(read_truth(value) is not None for value in values):
        return "boolean"
    if all(may_be_time(value) for value in values) and not np.isnan(_days_of_values(values)).any():
        return "time"
    odd = [value for value in values if not isinstance(value, (str, *NUMERIC, datetime.date, np.datetime64))]
    # Ranges and periods have a spelling; anything else is a mistake.
    odd = [value for value in odd if not isinstance(value, pd.Interval | pd.Period)]
    if odd:
        raise DataError(_foreign(where, odd[0]))
    return "category"


def _number_of(value: Any, words: Collection[str], form: NumberForm | None) -> float | None:
    """Read a value as a number: truth values as 0 and 1, durations in days; None where it is none."""
    if isinstance(value, str) and value.strip() in words:
        return math.nan
    if isinstance(value, DURATION):
        return pd.Timedelta(value).total_seconds() / 86_400
    if form is not None and isinstance(value, str):
        return form.read(value)
    truth = read_truth(value)
    return read_number(value) if truth is None else float(truth)


def _days_of_values(values: Sequence[Any]) -> np.ndarray:
    """Read single times as days since 1970, NaN where a value is none."""
    texts = [str(value).strip() if may_be_time(value) else None for value in values]
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
    return f"{where} holds {kind}. Turn them into numbers, text, truth values or times, or drop the column."
