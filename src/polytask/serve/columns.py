"""What the columns of an uploaded table may be: features, targets, and of which kind."""

from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.data.tables.column import column_distinct, column_known, column_numbers
from polytask.data.tables.prose import is_prose
from polytask.data.tables.reading import Reading, column_reading
from polytask.data.tables.targets import fit_targets
from polytask.serve.failures import as_refused

__all__ = ["guessed_columns"]

_SHOWN, _LONGEST = 5, 60
_MANY = 100  # different categories, from which on a column may be text or tell rows apart
_MOST_AS_CLASSES = 20


def guessed_columns(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what each column of a table holds, and as what it could be predicted.

    Returns:
        For each column its ``name``; ``reads_as``, what it is as a feature; ``kind``, what it would be as a
        target, and ``kinds``, what one may ask for; how many rows are ``missing``; some ``examples``; whether
        it ``may_be_target``; and a ``note`` where it may not, or something is noteworthy.

    Example:
        >>> table = pd.DataFrame({"mass": [3.5, 4.0, 4.5, 5.5], "sex": ["f", "m", None, "f"]})
        >>> [(one["name"], one["kind"], one["missing"]) for one in guessed_columns(table)]
        [('mass', 'regression', 0), ('sex', 'binary', 1)]
    """
    return [_guessed(frame, str(name)) for name in frame.columns]


def _guessed(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    column = frame[name]
    known = column_known(column)
    told: dict[str, Any] = {
        "name": name,
        "reads_as": "other",
        "kind": None,
        "kinds": [],
        "missing": int((~known).sum()),
        "examples": [str(value)[:_LONGEST] for value in column[known].drop_duplicates().head(_SHOWN)],
        "may_be_target": False,
        "note": "",
    }
    try:
        reading = column_reading(column)
        told["reads_as"] = _read_as(column, reading)
        (target,) = fit_targets(frame[[name]], [name], train_rows=np.flatnonzero(known))
    except DataError as error:
        return told | {"note": as_refused(error).what}
    kinds = [target.kind, *(one for one in _other_kinds(column, reading) if one != target.kind)]
    return told | {"kind": target.kind, "kinds": kinds, "may_be_target": True}


def _read_as(column: pd.Series, reading: Reading) -> str:
    if reading.kind != "category":
        return reading.kind
    _, values, _ = column_distinct(column)
    texts = [value for value in values if isinstance(value, str)]
    n_rows = int(column_known(column).sum())
    if len(texts) > _MANY and 2 * len(texts) > n_rows:
        return "text" if is_prose(texts) else "identifier"
    return "identifier" if n_rows > _MOST_AS_CLASSES and len(texts) == n_rows else "category"


def _other_kinds(column: pd.Series, reading: Reading) -> list[str]:
    """Return the kinds that a target of this column may be asked as."""
    n_distinct = len(column_distinct(column)[1])
    classes = ["binary"] if n_distinct == 2 else ["multiclass"]
    if reading.kind != "number":
        return classes
    numbers = column_numbers(column, words=reading.words, form=reading.form)
    positive = bool((numbers[~np.isnan(numbers)] > 0).all())
    return [
        "regression",
        *(["log"] if positive else []),
        *(classes if n_distinct <= _MOST_AS_CLASSES else []),
    ]
