"""How a column is read: as numbers, also those with units and among stray words, as times or categories."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polytask.data.tables.cell import is_code, may_be_time, read_number
from polytask.data.tables.column import ColumnKind, column_distinct, column_kind
from polytask.data.tables.number_form import NumberForm, common_form, split_quantity

__all__ = ["Reading", "column_reading"]

_MOST_STRAYS, _FEWEST_NUMBERS, _STRAY_SHARE = 3, 10, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a column holds.

    Args:
        kind: Numbers, truth values, times or categories.
        words: Text among numbers or times that counts as missing.
        form: How numbers are written that Python would not read.
    """

    kind: ColumnKind
    words: tuple[str, ...] = ()
    form: NumberForm | None = None


def column_reading(column: pd.Series) -> Reading:
    """Tell how a column is read.

    A few words, ``unknown`` or ``-``, may alone keep a column from being numbers or times: at most three
    different ones, in at most a fifth of the rows, among more than ten different numbers or times; fewer may
    be codes, ``1``, ``2`` and ``more``. Numbers may all have one unit, or a decimal comma; see `common_form`.

    Example:
        >>> column_reading(pd.Series([*map(str, range(20)), "unknown"]))
        Reading(kind='number', words=('unknown',), form=None)
    """
    kind = column_kind(column)
    if kind != "category" or isinstance(column.dtype, pd.CategoricalDtype):
        return Reading(kind=kind)
    codes, values, _ = column_distinct(column)
    if any(map(is_code, values)):
        return Reading(kind=kind)
    texts = all(isinstance(value, str) for value in values)
    if texts and (form := common_form(values)):
        return Reading(kind="number", form=form)
    for reading in ("number", "time", "quantity"):
        strays = _strays(codes, values, reading)
        if not strays:
            continue
        rest = [value for value in values if value not in strays]
        words = tuple(sorted({value.strip() for value in strays}))
        form = common_form(rest) if reading == "quantity" and texts else None
        if form is not None:
            return Reading(kind="number", words=words, form=form)
        if reading != "quantity" and column_kind(pd.Series(rest, dtype=object, name=column.name)) == reading:
            return Reading(kind=reading, words=words)
    return Reading(kind=kind)


def _strays(codes: np.ndarray, values: list[Any], reading: str) -> list[str]:
    """Return the few words among many different values that can be read; nothing where they are more."""
    fits = np.array([_fits(value, reading) for value in values], dtype=bool)
    strays = [values[index] for index in np.flatnonzero(~fits)]
    if len(strays) > _MOST_STRAYS or fits.sum() <= _FEWEST_NUMBERS:
        return []
    n_rows = int(np.isin(codes, np.flatnonzero(~fits)).sum())
    few = n_rows <= _STRAY_SHARE * (codes >= 0).sum() and all(isinstance(value, str) for value in strays)
    return strays if few else []


def _fits(value: Any, reading: str) -> bool:
    if reading == "quantity":
        return isinstance(value, str) and split_quantity(value) is not None
    return read_number(value) is not None if reading == "number" else may_be_time(value)
