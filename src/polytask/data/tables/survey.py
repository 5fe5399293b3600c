"""What the columns of a large table hold: a sample of its rows is looked at, and all rows are counted.

Kinds of columns, medians and the notes on columns come from a sample of the rows, seeded and without
replacement. Means, spreads, what is ever missing, the rows of each category and the classes of targets come
from all of them. A table that is no larger than the sample is the sample, so that it gives the very constants
that it gives when it is read at once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.core.random import numpy_generator
from polytask.data.tables.column import column_distinct, column_known, column_numbers
from polytask.data.tables.feature_column import FeatureColumn, NumberFeatures, finite_numbers
from polytask.data.tables.feature_fitting import FittedColumns, fit_category, fit_columns
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.large_table import LargeTable, words_of
from polytask.data.tables.number_sums import NumberSums
from polytask.data.tables.problems import problem_error
from polytask.data.tables.reading import Reading, column_reading
from polytask.data.tables.target_column import TargetColumn, logarithms
from polytask.data.tables.target_kinds import asked_as, parse_target
from polytask.data.tables.target_labels import split_labels
from polytask.data.tables.targets import fit_targets
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = ["N_SAMPLE", "Survey", "survey_table"]

N_SAMPLE = 2**18
"""Rows of the sample."""

_MOST_COUNTED = 200_000  # different texts of a column that are counted
_KEPT = 50_000  # the most frequent ones of more
_MOST_LABELS = 1_001  # different labels of a target that are looked for: one more than may be classes


@dataclass(slots=True, kw_only=True)
class _Texts:
    """The texts of a column: their rows, None once they are too many, and the rows without one."""

    counts: Counter[str] | None = field(default_factory=Counter)
    n_missing: int = 0

    def add(self, column: pd.Series) -> None:
        if self.counts is None:
            return
        codes, _, names = column_distinct(column)
        for name, count in zip(names, np.bincount(codes[codes >= 0], minlength=len(names)), strict=True):
            self.counts[name] += int(count)
        self.n_missing += int((codes < 0).sum())
        if len(self.counts) > _MOST_COUNTED:
            different_in_most = 2 * len(self.counts) > self.counts.total()
            self.counts = None if different_in_most else Counter(dict(self.counts.most_common(_KEPT)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found.

    Args:
        encoder: Encodes the features.
        targets: Encode the targets.
        labels: The targets' columns: the sample, and rows with labels that it lacks.
        n_sample: Rows of the sample.
    """

    encoder: TableEncoder
    targets: tuple[TargetColumn, ...]
    labels: pd.DataFrame
    n_sample: int


def survey_table(table: LargeTable, features: Sequence[str], targets: Sequence[str], *, seed: int) -> Survey:
    """Fit the encodings of a table's features and targets.

    Args:
        table: The table.
        features: Its columns that are features.
        targets: As for `fit_targets`.
        seed: Decides the sample.

    Raises:
        DataError: Columns cannot be used; all problems are listed.
    """
    names = [parse_target(text, table.names)[0] for text in targets]
    wanted = [name for name in table.names if name in {*features, *names}]
    sample = table.rows(_positions(table.n_rows, seed), wanted)
    whole = len(sample) == table.n_rows
    looked = _Look(
        sample, features, [text for text in targets if parse_target(text, table.names)[0] in wanted]
    )
    words = {name: Counter(counts) for name, counts in table.words.items()}
    for piece in () if whole else table.pieces(wanted):
        looked.add(piece)
        for name, counts in words_of(piece).items():
            words[name] = words.get(name, Counter()) + Counter(counts)
    if not whole:
        sample.attrs = {MISSING_WORDS: {name: dict(counts) for name, counts in words.items()}}
    if looked.label_problems:
        raise problem_error(list(looked.label_problems.values()))
    labels = looked.labels(sample[[name for name in wanted if name in set(names)]])
    known = np.zeros(len(labels), dtype=bool)
    for found in split_labels(labels, targets).values():
        known |= found.codes >= 0
    rows = np.flatnonzero(known) if known.any() else np.arange(len(labels))
    fitted_targets = fit_targets(labels, targets, train_rows=rows)
    rows = rows[rows < len(sample)]
    encoder = _encoder(sample, features, rows if len(rows) else np.arange(len(sample)), looked, whole=whole)
    return Survey(
        encoder=encoder,
        targets=tuple(one if whole else looked.exact_target(one) for one in fitted_targets),
        labels=labels,
        n_sample=len(sample),
    )


def _positions(n_rows: int, seed: int) -> np.ndarray:
    """Draw the rows of the sample, ascending positions."""
    if n_rows <= N_SAMPLE:
        return np.arange(n_rows)
    draw = numpy_generator(seed, "sample")
    return np.sort(draw.choice(n_rows, N_SAMPLE, replace=False, shuffle=False))


class _Look:
    """Counts what all rows hold, as the sample says that it is to be read."""

    def __init__(self, sample: pd.DataFrame, features: Sequence[str], targets: Sequence[str]) -> None:
        self.problems: dict[str, str] = {}
        self.readings: dict[str, Reading] = {}
        for name in dict.fromkeys(features):
            try:
                self.readings[name] = _reading(sample[name])
            except DataError:
                continue  # told by `fit_columns`
        self.sums = {name: NumberSums() for name, one in self.readings.items() if one.kind != "category"}
        self.texts = {name: _Texts() for name, one in self.readings.items() if one.kind == "category"}
        self.label_readings: dict[str, Reading] = {}
        self.label_sums: dict[str, NumberSums] = {}
        self.seen: dict[str, set[str]] = {}
        self.more: dict[str, list[pd.Series]] = {}
        self.label_problems: dict[str, str] = {}
        self.n_seen = 0
        asked = dict(parse_target(text, sample.columns) for text in targets)
        self.log = {name for name, kind in asked.items() if kind == "log"}
        for name in asked:
            try:
                self.seen[name] = set(column_distinct(sample[name])[2])
                self.label_readings[name] = column_reading(sample[name])
            except DataError:
                continue  # told by `fit_targets`
            self.label_sums[name], self.more[name] = NumberSums(), []

    def add(self, piece: pd.DataFrame) -> None:
        """Look at more rows."""
        for name, reading in self.readings.items():
            if name in self.problems:
                continue
            try:
                if reading.kind == "category":
                    self.texts[name].add(piece[name])
                else:
                    self.sums[name].add(
                        finite_numbers(piece[name], reading.kind, words=reading.words, form=reading.form)
                    )
            except DataError as error:
                self.problems[name] = str(error)
        for name in self.label_readings:
            self._add_labels(name, piece[name])
        self.n_seen += len(piece)

    def _add_labels(self, name: str, column: pd.Series) -> None:
        reading, seen = self.label_readings[name], self.seen[name]
        if reading.kind == "number":
            try:
                numbers = column_numbers(column, words=reading.words, form=reading.form)
            except DataError:  # told when the labels are encoded
                return
            if name in self.log and name not in self.label_problems:
                remedy = f", or ask for {asked_as(name, 'regression')}"
                try:
                    numbers = logarithms(name, numbers, remedy=remedy, first=self.n_seen)
                except DataError as error:
                    self.label_problems[name] = str(error)
                    return
            self.label_sums[name].add(numbers)
        if len(seen) < _MOST_LABELS:
            codes, _, names = column_distinct(column)
            new = [index for index, label in enumerate(names) if label not in seen][:_MOST_LABELS]
            if new:
                seen.update(names[index] for index in new)
                first = [int(np.argmax(codes == index)) for index in new]
                self.more[name].append(column.iloc[first])

    def labels(self, sample: pd.DataFrame) -> pd.DataFrame:
        """Put rows with the labels that the sample lacks below those of the sample."""
        columns = {}
        for name in sample.columns:
            parts = [sample[name], *self.more.get(name, [])]
            if len(parts) > 1 and isinstance(sample[name].dtype, pd.CategoricalDtype):
                values = [value for part in parts for value in part.tolist()]
                columns[name] = pd.Series(pd.Categorical(values))
            else:
                columns[name] = pd.concat(parts, ignore_index=True)
        found = pd.DataFrame(columns)
        found.columns = sample.columns
        found.attrs = dict(sample.attrs)
        return found

    def exact_target(self, target: TargetColumn) -> TargetColumn:
        """Let the constants of a regression be those of all rows."""
        sums = self.label_sums[target.task.name]
        if target.task.kind != "regression" or sums.scale <= 1e-14 * abs(sums.mean):
            return target
        return replace(target, mean=sums.mean, scale=sums.scale)

    def exact_number(self, encoding: NumberFeatures) -> NumberFeatures:
        """Let mean, scale, and whether it is ever missing, be those of all rows."""
        filled = self.sums[encoding.name].filled(encoding.median)
        if filled.scale <= 1e-14 * abs(filled.mean):
            return encoding
        indicator = self.sums[encoding.name].n_missing > 0
        return replace(encoding, mean=filled.mean, scale=filled.scale, indicator=indicator)


def _reading(column: pd.Series) -> Reading:
    """Tell how a column is read; one of text that is empty in the sample may hold text elsewhere."""
    typed = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype)
    if not typed and not column_known(column).any():
        return Reading(kind="category")
    return column_reading(column)


def _encoder(
    sample: pd.DataFrame, features: Sequence[str], rows: np.ndarray, looked: _Look, *, whole: bool
) -> TableEncoder:
    """Fit the features on the sample, and let the constants be those of all rows where they are known."""
    fitted = fit_columns({name: sample[name] for name in dict.fromkeys(features)}, rows)
    problems = [*fitted.problems, *looked.problems.values()]
    if problems:
        raise problem_error(problems)
    encodings, dropped, notes = dict(fitted.encodings), dict(fitted.dropped), dict(fitted.notes)
    for name in features if not whole else ():
        encoding = encodings.get(name)
        if isinstance(encoding, NumberFeatures):
            encodings[name] = looked.exact_number(encoding)
        elif name in looked.texts and looked.texts[name].counts is not None:
            _refit_category(name, sample[name], looked.texts[name], encodings, dropped, notes)
        elif name in dropped:
            dropped[name] += f", as a sample of {len(sample)} rows tells"
    for name in [name for name, one in encodings.items() if one.kind == "text"]:
        del encodings[name]
        dropped[name] = "it is text, which is not used in tables of so many rows"
        notes.pop(name, None)
    if not encodings:
        reasons = "; ".join(f"{name!r}: {reason}" for name, reason in dropped.items())
        raise DataError(
            f"No column can be used as a feature ({reasons or 'none is left'}). Add some columns."
        )
    kept = tuple(encodings[name] for name in dict.fromkeys(features) if name in encodings)
    return TableEncoder(encodings=kept, dropped=dropped, notes=notes)


def _refit_category(
    name: str,
    column: pd.Series,
    texts: _Texts,
    encodings: dict[str, FeatureColumn],
    dropped: dict[str, str],
    notes: dict[str, str],
) -> None:
    """Take a column's categories from all rows."""
    again = FittedColumns()
    fit_category(name, column, texts.counts or Counter(), texts.n_missing, again)
    for known in (encodings, dropped, notes):
        known.pop(name, None)
    encodings.update(again.encodings)
    dropped.update(again.dropped)
    notes.update(again.notes)
