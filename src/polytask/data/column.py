"""What one column of a table holds: numbers, truth values, times or categories."""

import datetime
import difflib
import math
import re
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from polytask.core import DataError, PolytaskError
from polytask.data.problems import examples, some_rows

__all__ = [
    "ColumnKind",
    "canonical",
    "column_categories",
    "column_days",
    "column_distinct",
    "column_kind",
    "column_known",
    "column_numbers",
    "one_column",
    "read_number",
    "spell",
    "stray_words",
]

ColumnKind = Literal["number", "boolean", "time", "category"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)  # a postal code or a serial number, rather than a quantity
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_TRUTH = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}
_NUMERIC = (int, float, np.bool_, np.integer, np.floating, Decimal)
_DURATION = (datetime.timedelta, np.timedelta64)
_DAY = 86_400e6  # microseconds
_MOST_STRAYS, _FEWEST_NUMBERS, _STRAY_SHARE = 3, 10, 0.2
_FOREIGN = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    NotImplementedError,
    RecursionError,
)
"""What pandas, numpy, Arrow and the objects in a table raise."""


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
        except _FOREIGN as error:
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
    columns = [str(column) for column in frame.columns]
    folded = {column.casefold(): column for column in columns}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[close[0]]!r}?" if close else f"the table has {examples(columns, limit=10)}."
    raise DataError(f"There is no column {name!r}; {hint}")


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
def stray_words(column: pd.Series) -> tuple[ColumnKind, tuple[str, ...]]:
    """Find the few words, ``unknown`` or ``-``, that alone keep a column from being numbers or times.

    At most three different words count, in at most a fifth of the rows, among more than ten different numbers
    or times: fewer may be codes, ``1``, ``2`` and ``more``.

    Returns:
        What the column holds without these words, and the words; its kind and nothing where there are none.

    Example:
        >>> stray_words(pd.Series([*map(str, range(20)), "unknown"]))
        ('number', ('unknown',))
    """
    kind = column_kind(column)
    if kind != "category" or isinstance(column.dtype, pd.CategoricalDtype):
        return kind, ()
    codes, values = _distinct(column)
    if len(values) <= _FEWEST_NUMBERS or any(
        isinstance(v, str) and _CODE.fullmatch(v.strip()) for v in values
    ):
        return kind, ()
    numbers = np.array([read_number(value) is not None for value in values])
    times = np.array([_may_be_time(value) for value in values])
    readings: tuple[tuple[ColumnKind, np.ndarray], ...] = (("number", numbers), ("time", times))
    for reading, fits in readings:
        strays = [values[index] for index in np.flatnonzero(~fits)]
        if len(strays) > _MOST_STRAYS or fits.sum() <= _FEWEST_NUMBERS:
            continue
        n_rows = int(np.isin(codes, np.flatnonzero(~fits)).sum())
        if n_rows > _STRAY_SHARE * (codes >= 0).sum() or not all(isinstance(value, str) for value in strays):
            continue
        rest = [value for value, fit in zip(values, fits, strict=True) if fit]
        if _kind_of_values(rest, f"Column {column.name!r}") == reading:
            return reading, tuple(sorted({value.strip() for value in strays}))
    return kind, ()


@_fenced
def column_numbers(column: pd.Series, *, words: Collection[str] = ()) -> np.ndarray:
    """Read a column as numbers, float64 ``[row]``: NaN where missing.

    Truth values count as 0 and 1, durations in days.

    Args:
        column: The column.
        words: Text that counts as missing; see `stray_words`.

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
    numbers = [_number_of(value, words) for value in values]
    wrong = [position for position, number in enumerate(numbers) if number is None]
    if wrong:
        raise _unreadable(column, codes, values, wrong, "numbers", "Write numbers with a decimal point")
    return np.array([*numbers, math.nan], dtype=np.float64)[codes]


@_fenced
def column_days(column: pd.Series, *, words: Collection[str] = ()) -> np.ndarray:
    """Read a column of times as days since 1970 (UTC), float64 ``[row]``, NaN where missing.

    Args:
        column: The column.
        words: Text that counts as missing; see `stray_words`.

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


def valid_unicode(text: str) -> bool:
    """Tell whether text can be written to a file: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def spell(value: Any) -> str:
    """Write a value as text; a number in the one way that does not depend on how its column was stored.

    Example:
        >>> [spell(value) for value in (1.0, 1, True, "1.10", "true", " red ")]
        ['1', '1', 'True', '1.10', 'true', 'red']
    """
    if isinstance(value, str):
        return value.strip()
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


def canonical(text: str) -> str:
    """Write text that spells a number or a truth value as `spell` writes that; other text stays.

    So a category is found again where a table stores it in another way.

    Example:
        >>> [canonical(text) for text in ("1.0", "01", "1e2", "true", "red")]
        ['1', '1', '100', 'True', 'red']
    """
    if text in _TRUTH:
        return str(_TRUTH[text])
    if len(text) > 18 or not _NUMBER.fullmatch(text):  # beyond 18 digits a float would lose some
        return text
    return str(int(text)) if _INTEGER.fullmatch(text) else spell(float(text))


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
        if any(isinstance(value, str) and _CODE.fullmatch(value.strip()) for value in values):
            return "category"
        truths = values and all(isinstance(value, bool | np.bool_) for value in values)
        return "boolean" if truths else "number"
    if all(isinstance(value, _DURATION) for value in values):
        return "number"
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


def _number_of(value: Any, words: Collection[str]) -> float | None:
    """Read a value as a number: truth values as 0 and 1, durations in days; None where it is none."""
    if isinstance(value, str) and value.strip() in words:
        return math.nan
    if isinstance(value, _DURATION):
        return pd.Timedelta(value).total_seconds() / 86_400
    truth = _truth(value)
    return read_number(value) if truth is None else float(truth)


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
    return f"{where} holds {kind}. Turn them into numbers, text, truth values or times, or drop the column."
