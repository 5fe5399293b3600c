"""How one column of a table becomes features; the constants are plain numbers and text."""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.records import record_from_json
from polytask.data.tables.cell import canonical
from polytask.data.tables.column import column_categories, column_days, column_numbers
from polytask.data.tables.encoded_column import EncodedColumn
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.problems import some_rows
from polytask.data.tables.text_features import N_PIECES, TextFeatures
from polytask.data.tables.time_parts import TimePart, part_features, part_names

__all__ = [
    "CategoryFeatures",
    "FeatureColumn",
    "NumberFeatures",
    "category_finder",
    "column_from_json",
    "column_to_json",
    "finite_numbers",
]

_FARTHEST = 1e6  # standard deviations
_FAR_OUTSIDE = 0.25  # of the range of the training rows
_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFeatures:
    """Numbers, truth values or times: the standardized value, missing ones replaced by the median.

    Times have their parts as further features, month and weekday say; see `part_features`.

    Args:
        name: The column.
        kind: What it holds; times become days.
        median: Of the training rows.
        mean: Of the training rows, missing values replaced.
        scale: Standard deviation of the same.
        indicator: Whether a second feature is 1 where the value is missing.
        words: Text that counts as missing, ``unknown`` or ``-``.
        parts: Which parts of times are features.
        form: How numbers in text are written, with which unit; None for the way that Python reads.
        low: The least number of the training rows; None for what is no number, and in models of before.
        high: The greatest one.
    """

    name: str
    kind: Literal["number", "boolean", "time"]
    median: float
    mean: float
    scale: float
    indicator: bool
    words: tuple[str, ...] = ()
    parts: tuple[TimePart, ...] = ()
    form: NumberForm | None = None
    low: float | None = None
    high: float | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for every feature."""
        names = (self.name, f"{self.name} is missing") if self.indicator else (self.name,)
        return names + part_names(self.name, self.parts)

    def encode(self, column: pd.Series) -> EncodedColumn:
        """Encode the rows of a column; a value beyond 10⁶ standard deviations is clipped there.

        Raises:
            DataError: A value is not of the kind, or infinite.
        """
        return self.encode_numbers(finite_numbers(column, self.kind, words=self.words, form=self.form))

    def encode_numbers(self, values: np.ndarray) -> EncodedColumn:
        """Encode numbers, or days, float64 ``[row]``, NaN where missing."""
        missing = np.isnan(values)
        standardized = (np.where(missing, self.median, values) - self.mean) / self.scale  # [row]
        n_clipped = int((np.abs(standardized) > _FARTHEST).sum())
        features = [standardized] + [missing.astype(np.float64)] * self.indicator
        features += part_features(values, self.parts, mean=self.mean, scale=self.scale)
        stacked = np.stack(features, axis=1).clip(-_FARTHEST, _FARTHEST)  # [row, feature]
        return EncodedColumn(
            features=stacked.astype(np.float32), n_clipped=n_clipped, n_outside=self._n_outside(values)
        )

    def _n_outside(self, values: np.ndarray) -> int:
        """Count what is outside the range of the training rows; 0 if nothing is far outside.

        New rows of the same kind are a little outside now and then, of which nobody wants to hear.
        """
        if self.low is None or self.high is None:
            return 0
        margin = _FAR_OUTSIDE * (self.high - self.low)
        if not ((values < self.low - margin) | (values > self.high + margin)).any():
            return 0
        return int(((values < self.low) | (values > self.high)).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFeatures:
    """Categories: one feature each, 1 where the row is of the category.

    Where there are ``buckets``, a category that has no feature of its own, be it rare or never seen, falls
    into one of them by its hash, a feature each; a last feature grows with how often it was seen in training:
    log(1 + its rows) over that of the most frequent one without a feature. Without buckets, and for a missing
    value unless it counts as a category, there are zeros throughout.

    Args:
        name: The column.
        categories: Text, as `spell` writes it.
        missing: Whether a missing value is a category of its own.
        kind: Always ``"category"``.
        buckets: How many; 0 where every category has a feature.
        rare: Rows in training of categories without a feature of their own.
    """

    name: str
    categories: tuple[str, ...]
    missing: bool
    kind: Literal["category"] = "category"
    buckets: int = 0
    rare: Mapping[str, int] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for every feature."""
        named = tuple(f"{self.name}={category}" for category in self.categories)
        named += (f"{self.name} is missing",) * self.missing
        if not self.buckets:
            return named
        shared = tuple(f"{self.name}: rare, bucket {index}" for index in range(self.buckets))
        return (*named, *shared, f"{self.name}: rows of the rare category")

    def encode(self, column: pd.Series) -> EncodedColumn:
        """Encode the rows of a column."""
        texts = column_categories(column)
        codes, values = pd.factorize(texts)  # code -1, the last value, for a missing one
        absent = len(self.categories) if self.missing else -1
        find = category_finder(self.categories)
        column_of = np.array([*(find(value) for value in values), absent], dtype=np.int64)
        rows_of = np.zeros(len(column_of))
        unseen = column_of[:-1] < 0
        if self.buckets:
            rare = list(self.rare)
            find, rows = category_finder(rare), [*self.rare.values(), 0]  # the last for what was never seen
            first = len(self.categories) + self.missing
            for index in np.flatnonzero(unseen).tolist():
                column_of[index] = first + self.bucket(values[index])
                rows_of[index] = rows[find(values[index])]
                unseen[index] = rows_of[index] == 0
        features = np.zeros((len(texts), len(self.feature_names)), dtype=np.float32)
        placed = np.flatnonzero(column_of[codes] >= 0)
        features[placed, column_of[codes][placed]] = 1.0
        if self.buckets:
            features[:, -1] = (np.log1p(rows_of) / np.log1p(max([*self.rare.values(), 1])))[codes]
        counts = Counter(codes[codes >= 0].tolist())
        found = {values[index]: counts[index] for index in np.flatnonzero(unseen).tolist()}
        return EncodedColumn(features=features, unseen=dict(sorted(found.items(), key=lambda item: -item[1])))

    def bucket(self, text: str) -> int:
        """Hash a category alike however its number is written, in every process and version."""
        return zlib.crc32(canonical(text).encode()) % self.buckets


FeatureColumn: TypeAlias = NumberFeatures | CategoryFeatures | TextFeatures
"""Turns a column into features, with constants that were fitted on training rows."""


def column_to_json(encoding: FeatureColumn) -> dict[str, Any]:
    """Write an encoding as plain JSON."""
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(encoding).items()
    }


def column_from_json(data: Mapping[str, Any]) -> FeatureColumn:
    """Read what `column_to_json` wrote.

    Raises:
        InputError: It is something else.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    name = f"the column {data.get('name')!r}" if isinstance(data, Mapping) else "a column"
    if kind == "category":
        encoding = record_from_json(CategoryFeatures, data, name=name)
        if len(set(encoding.categories)) < len(encoding.categories):
            raise InputError(f"{name} has a category twice.")
        if not 0 <= encoding.buckets <= _MOST_BUCKETS or min(encoding.rare.values(), default=1) < 1:
            raise InputError(f"{name} has buckets or rows of rare categories out of range.")
        return encoding
    if kind == "text":
        encoding = record_from_json(TextFeatures, data, name=name)
        if len(encoding.weights) != N_PIECES or not all(0 <= weight <= 100 for weight in encoding.weights):
            raise InputError(f"{name} needs {N_PIECES} weights from 0 to 100.")
        if bool(encoding.encoder) != bool(encoding.centre):
            raise InputError(f"{name} needs a text encoder and the mean of its vectors, or neither.")
        return encoding
    encoding = record_from_json(NumberFeatures, data, name=name)
    farthest = np.finfo(np.float32).max
    if not 0 < encoding.scale <= farthest or max(abs(encoding.mean), abs(encoding.median)) > farthest:
        raise InputError(f"{name} has constants out of range.")
    if encoding.parts and (encoding.kind != "time" or len(set(encoding.parts)) < len(encoding.parts)):
        raise InputError(f"{name} has parts of a time twice, or is no time.")
    return encoding


def category_finder(categories: Sequence[str]) -> Callable[[str], int]:
    """Return what finds the index of a category by its text, -1 for none.

    Where the text is none of them, a number or truth value is found that is written in another way, as long
    as it is one category only: a table may store ``1`` as ``1.0``.

    Example:
        >>> find = category_finder(["1", "2.0", "red"])
        >>> [find(text) for text in ("1", "1.0", "2", "red", "blue")]
        [0, 0, 1, 2, -1]
    """
    exact = {category: index for index, category in enumerate(categories)}
    counts = Counter(map(canonical, categories))
    alike = {canonical(name): index for name, index in exact.items() if counts[canonical(name)] == 1}

    def find(text: str) -> int:
        return exact.get(text, alike.get(canonical(text), -1))

    return find


def finite_numbers(
    column: pd.Series, kind: str, *, words: Collection[str] = (), form: NumberForm | None = None
) -> np.ndarray:
    """Read a column as numbers, times as days: float64 ``[row]``, NaN where missing or one of the words.

    Raises:
        DataError: A value is not a number, infinite, or beyond the range of 32 bits.
    """
    if kind == "time":
        values = column_days(column, words=words)
    else:
        values = column_numbers(column, words=words, form=form)
    n_rows = int((np.abs(values) > np.finfo(np.float32).max).sum())
    if n_rows:
        raise DataError(
            f"Column {column.name!r} is infinite or beyond 3.4e38 in {some_rows(n_rows)}. Correct these "
            "values, leave them empty, or drop the column."
        )
    return values
