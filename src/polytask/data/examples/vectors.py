"""Vectors: rows of numbers, all there and finite."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError
from polytask.data.examples.labels import is_missing
from polytask.data.examples.naming import named
from polytask.data.tables.problems import FOREIGN, problem_error
from polytask.data.tables.typed_columns import MISSING

__all__ = ["vectors_of_columns", "vectors_of_rows"]


def vectors_of_columns(
    frame: pd.DataFrame, features: Sequence[str], called: Callable[[int], str], where: str
) -> list[np.ndarray]:
    """Return the rows of some columns, float32 ``[feature]``.

    Raises:
        DataError: A value is missing, no number, or beyond what float32 holds; column and rows are named.
    """
    values = np.empty((len(frame), len(features)), dtype=np.float64)
    problems = []
    for position, name in enumerate(features):
        column = frame[name]
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        values[:, position] = numbers
        absent = np.isnan(numbers)
        absent[absent] = [_is_gap(value) for value in column[absent].tolist()]
        strange = np.isnan(numbers) & ~absent
        for wrong, what in (
            (absent, "is missing in {}. Fill it in, or leave the row or the column out."),
            (strange, "is no number in {}. Correct it, or leave the column out."),
            (~np.isnan(numbers) & ~_fits(numbers), "is beyond what float32 holds in {}. Scale the column."),
        ):
            rows = np.flatnonzero(wrong).tolist()
            if rows:
                problems.append(f"{where}: column {name!r} {what.format(named(rows, called))}")
    if problems:
        raise problem_error(problems[:10])
    return list(values.astype(np.float32))


def vectors_of_rows(values: Sequence[Any], called: Callable[[int], str], where: str) -> list[np.ndarray]:
    """Return lists, arrays or tensors of numbers as float32 ``[feature]``.

    Raises:
        DataError: They are none, differ in length, or a number is missing or not finite.
    """
    vectors, odd = [], []
    for index, value in enumerate(values):
        try:
            given = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
            valid = given.dtype.kind in "biuf" and given.ndim == 1 and given.size > 0
            vector = given.astype(np.float64) if valid else np.empty(0)
        except FOREIGN:
            vector, valid = np.empty(0), False
        vectors.append(vector)
        if not valid:
            odd.append(index)
    if odd:
        raise DataError(f"{where}: {named(odd, called)} is no list of numbers. Give one number a feature.")
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1:
        other = next(index for index, vector in enumerate(vectors) if len(vector) != len(vectors[0]))
        raise DataError(
            f"{where}: {called(0)} has {len(vectors[0])} numbers, but {called(other)} has "
            f"{len(vectors[other])}. Give all the same features."
        )
    wrong = [index for index, vector in enumerate(vectors) if not _fits(vector).all()]
    if wrong:
        raise DataError(
            f"{where}: a number is missing, infinite or beyond what float32 holds in {named(wrong, called)}. "
            "Correct it, or leave the example out."
        )
    return [vector.astype(np.float32) for vector in vectors]


def _fits(numbers: np.ndarray) -> np.ndarray:
    """Tell which numbers float32 holds; NaN is none of them."""
    return np.abs(numbers) <= np.finfo(np.float32).max


def _is_gap(value: Any) -> bool:
    """Tell whether a cell that is no number is a missing value, or a word for one."""
    return value.strip() in MISSING if isinstance(value, str) else is_missing(value)
