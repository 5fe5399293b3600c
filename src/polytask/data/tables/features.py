"""Tables to feature tensors, with constants fitted on the training rows alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.core.records import record_from_json
from polytask.data.tables.encoded_column import EncodedColumn
from polytask.data.tables.feature_column import (
    FeatureColumn,
    NumberFeatures,
    column_from_json,
    column_to_json,
)
from polytask.data.tables.feature_fitting import fit_columns
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.text_features import HASHED

__all__ = ["EncodingReport", "TableEncoder"]

_MOST_UNSEEN = 10_000  # different ones of a column that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingReport:
    """What was noteworthy when a table was encoded.

    Args:
        missing_columns: Columns that the table lacks; they count as missing in every row.
        n_columns: How many columns are in use.
        unseen_categories: By column, categories without a feature of their own, with their number of rows.
        clipped: By column, the number of rows that were too far from the training rows.
        outside: By column of numbers, how many rows are outside the range in training, and that range.
        n_blank: How many rows lack a value in more than half of the columns in use.
        n_rows: How many rows there were.
        dropped: By column, why it was of no use when the encoder was fitted.
        notes: By column, what else was found when the encoder was fitted.
    """

    missing_columns: tuple[str, ...] = ()
    n_columns: int = 0
    unseen_categories: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    clipped: Mapping[str, int] = field(default_factory=dict)
    outside: Mapping[str, tuple[int, float, float]] = field(default_factory=dict)
    n_blank: int = 0
    n_rows: int = 0
    dropped: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def with_more(self, other: "EncodingReport") -> "EncodingReport":
        """Add what was noteworthy in further rows of the same table."""
        unseen = {name: Counter(counts) for name, counts in self.unseen_categories.items()}
        for name, counts in other.unseen_categories.items():
            joined = unseen.get(name, Counter()) + Counter(counts)
            # Of very many that occur once or twice nobody reads the rest.
            unseen[name] = Counter(dict(joined.most_common(_MOST_UNSEEN)))
        return replace(
            self,
            unseen_categories={name: dict(counts.most_common()) for name, counts in unseen.items()},
            clipped=dict(Counter(self.clipped) + Counter(other.clipped)),
            outside=_joined(self.outside, other.outside),
            n_blank=self.n_blank + other.n_blank,
            n_rows=self.n_rows + other.n_rows,
        )

    def messages(self, *, fitting: bool = True) -> list[str]:
        """Say it in words, a sentence a column.

        Args:
            fitting: Also say what was found when the encoder was fitted.

        Example:
            >>> EncodingReport(unseen_categories={"colour": {"red": 2}}).messages()
            ["Column 'colour', 'red': 2 rows count as none of the known categories."]
        """
        found = []
        n_missing = len(self.missing_columns)
        if 2 * n_missing > self.n_columns > 0:
            found.append(
                f"Only {self.n_columns - n_missing} of the model's {counted(self.n_columns, 'column')} "
                f"{'is' if self.n_columns - n_missing == 1 else 'are'} in the table; the answers rest on "
                "few of them, and intervals do not know it. Check that it is the right table."
            )
        elif self.n_blank and not fitting:
            lacks, its = ("lacks", "its") if self.n_blank == 1 else ("lack", "their")
            where = f"more than half of the model's {self.n_columns} columns"
            found.append(
                f"{self.n_blank} of {counted(self.n_rows, 'row')} {lacks} a value in "
                f"{where if self.n_columns > 1 else 'the only column of the model'}: {its} answers rest on "
                "little, which intervals know only if rows in training were as blank."
            )
        known = "" if fitting else ", which intervals do not know"
        found += [
            f"Column {name!r} is missing; it counts as unknown in every row{known}."
            for name in self.missing_columns
        ]
        for name, counts in self.unseen_categories.items():
            rows = _rows(sum(counts.values()), "counts", "count")
            found.append(f"Column {name!r}, {examples(counts)}: {rows} as none of the known categories.")
        for name, n_rows in self.clipped.items():
            rows = _rows(n_rows, "is", "are")
            found.append(f"Column {name!r}: {rows} far beyond the training rows, and clipped.")
        for name, (n_rows, low, high) in self.outside.items() if not fitting else ():
            found.append(
                f"{n_rows} of {counted(self.n_rows, 'row')} {'has' if n_rows == 1 else 'have'} {name!r} "
                f"outside the training range {low:.6g} to {high:.6g}; nothing is known there, and intervals "
                "do not know it."
            )
        if fitting:
            found += [f"Column {name!r} is not used: {reason}." for name, reason in self.dropped.items()]
            found += [f"Column {name!r}: {note}." for name, note in self.notes.items()]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEncoder:
    """Encodes the rows of a table as features; made by `TableEncoder.fit`, or from JSON.

    - Numbers, truth values and times (in days) are standardized; a missing one becomes the median, and a
      further feature tells that it was missing if that happened in training. Of times, the year, and month,
      weekday and hour as sine and cosine, are features, too, where they differ in training.
    - Categories become a feature each, at most 100 of them; a missing one is a category of its own if that
      happened in training. Where there are more, the others and those never seen share 32 features by their
      hash; where there are not, a category never seen has zeros throughout. It is reported in either case.
    - Text that differs from row to row, but shares words or runs of letters, becomes 256 numbers; see
      `TextFeatures`.

    Args:
        encodings: How each column is encoded.
        dropped: By column, why it is of no use.
        notes: By column, what else was found in fitting.

    Example:
        >>> table = pd.DataFrame({"size": [1.0, 3.0, None], "colour": ["red", "blue", "red"]})
        >>> encoder = TableEncoder.fit(table, columns=["size", "colour"], train_rows=np.arange(3))
        >>> encoder.feature_names
        ('size', 'size is missing', 'colour=blue', 'colour=red')
        >>> inputs, report = encoder.transform(pd.DataFrame({"size": [2], "colour": ["green"]}))
        >>> inputs
        tensor([[0., 0., 0., 0.]])
        >>> report.unseen_categories
        {'colour': {'green': 1}}
    """

    encodings: tuple[FeatureColumn, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        *,
        columns: Sequence[str],
        train_rows: np.ndarray,
        text_encoder: str | None = HASHED,
    ) -> "TableEncoder":
        """Fit an encoder on the training rows of a table.

        Columns that cannot help are dropped: constant ones, empty ones, and codes that are different in most
        rows; `dropped` tells why.

        Args:
            frame: A table, as `read_table` returns it.
            columns: The columns to use.
            train_rows: Positions of the training rows.
            text_encoder: A pretrained encoder whose vectors are features of text, too; see
                `polytask.data.tables.text_features.text_features`.

        Raises:
            DataError: A column does not exist, or holds infinite values or things that are neither numbers,
                text, truth values nor times; or no column is of use.
        """
        found, problems = _columns(frame, columns)
        problems += [
            f"There is no column {name!r}; drop it from the features."
            for name in columns
            if name not in frame.columns
        ]
        indices = np.asarray(train_rows, dtype=np.int64)
        fitted = fit_columns(found, indices, text_encoder=text_encoder)
        problems += fitted.problems
        if problems:
            raise problem_error(problems)
        if not fitted.encodings:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in fitted.dropped.items())
            raise DataError(
                f"No column can be used as a feature ({reasons or 'none is left'}). Add some columns."
            )
        encodings = tuple(
            fitted.encodings[name] for name in dict.fromkeys(columns) if name in fitted.encodings
        )
        return cls(encodings=encodings, dropped=fitted.dropped, notes=fitted.notes)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in use."""
        return tuple(encoding.name for encoding in self.encodings)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for every feature."""
        return tuple(name for encoding in self.encodings for name in encoding.feature_names)

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return len(self.feature_names)

    def transform(self, frame: pd.DataFrame) -> tuple[Tensor, EncodingReport]:
        """Encode the rows of a table; columns that are not in use are ignored.

        Returns:
            Float32 ``[row, feature]``, all finite, and what was noteworthy.

        Raises:
            DataError: A column holds text where numbers are expected, or infinite values; or the table has
                none of the columns.
        """
        found, problems = _columns(frame, self.columns)
        if not found and not problems:
            raise DataError(
                f"The table has none of the model's columns, {examples(self.columns, limit=10)}; it has "
                f"{examples(map(str, frame.columns), limit=10)}. Give the table that belongs to the model, "
                "or rename its columns."
            )
        encoded = {}
        for encoding in self.encodings:
            absent = pd.Series(np.full(len(frame), np.nan), name=encoding.name)
            try:
                encoded[encoding.name] = encoding.encode(found.get(encoding.name, absent))
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise problem_error(problems)
        features = np.concatenate([column.features for column in encoded.values()], axis=1)
        report = EncodingReport(
            missing_columns=tuple(name for name in self.columns if name not in frame.columns),
            n_columns=len(self.columns),
            unseen_categories={name: column.unseen for name, column in encoded.items() if column.unseen},
            clipped={name: column.n_clipped for name, column in encoded.items() if column.n_clipped},
            outside=self._outside(encoded),
            n_blank=_n_blank(found, len(self.columns), len(frame)),
            n_rows=len(frame),
            dropped=self.dropped,
            notes=self.notes,
        )
        return torch.from_numpy(features), report

    def _outside(self, encoded: Mapping[str, EncodedColumn]) -> dict[str, tuple[int, float, float]]:
        return {
            one.name: (encoded[one.name].n_outside, one.low, one.high)
            for one in self.encodings
            if isinstance(one, NumberFeatures) and encoded[one.name].n_outside
            if one.low is not None and one.high is not None
        }

    def to_json(self) -> dict[str, Any]:
        """Write the encoder as plain JSON."""
        columns = [column_to_json(encoding) for encoding in self.encodings]
        return {"columns": columns, "dropped": dict(self.dropped), "notes": dict(self.notes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TableEncoder":
        """Read what `to_json` wrote.

        Raises:
            InputError: It is something else.
        """
        stored = record_from_json(_Stored, data, name="the encoder")
        encodings = tuple(column_from_json(entry) for entry in stored.columns)
        names = {encoding.name for encoding in encodings}
        if not encodings or len(names) < len(encodings):
            raise InputError("the encoder has no columns, or two of the same name.")
        return cls(encodings=encodings, dropped=stored.dropped, notes=stored.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """An encoder as plain JSON."""

    columns: tuple[dict, ...]
    dropped: Mapping[str, str]
    notes: Mapping[str, str]


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[dict[str, pd.Series], list[str]]:
    """Take columns by name; those that exist twice are a problem."""
    found: dict[str, pd.Series] = {}
    problems = []
    for name in dict.fromkeys(names):
        column = frame[name] if name in frame.columns else None
        if isinstance(column, pd.DataFrame):
            problems.append(f"There are several columns {name!r}; give each its own name.")
        elif column is not None:
            found[name] = column
    return found, problems


def _n_blank(found: Mapping[str, pd.Series], n_columns: int, n_rows: int) -> int:
    """Count the rows without a value in more than half of the columns."""
    there = np.zeros(n_rows, dtype=np.int64)
    for column in found.values():
        there += column.notna().to_numpy()
    return int((2 * there < n_columns).sum())


def _joined(
    first: Mapping[str, tuple[int, float, float]], second: Mapping[str, tuple[int, float, float]]
) -> dict[str, tuple[int, float, float]]:
    """Add up how many rows are outside the range, by column."""
    joined = dict(first)
    for name, (n_rows, low, high) in second.items():
        joined[name] = (joined.get(name, (0, low, high))[0] + n_rows, low, high)
    return joined


def _rows(n_rows: int, singular: str, plural: str) -> str:
    return f"{some_rows(n_rows)} {singular if n_rows == 1 else plural}"
