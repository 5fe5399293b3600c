"""Fit the constants of feature columns on training rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.data.tables.cell import is_code, looks_like_quantity, read_number, spell
from polytask.data.tables.column import column_categories
from polytask.data.tables.feature_column import (
    CategoryFeatures,
    FeatureColumn,
    NumberFeatures,
    finite_numbers,
)
from polytask.data.tables.number_form import form_note, units_note
from polytask.data.tables.problems import examples, some_rows
from polytask.data.tables.prose import is_prose, n_words
from polytask.data.tables.reading import Reading, column_reading
from polytask.data.tables.text_features import HASHED, N_FEATURES, text_features
from polytask.data.tables.time_parts import varying_parts
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = ["FittedColumns", "fit_category", "fit_columns", "quantities_note", "strays_note"]

_MOST_CATEGORIES = 100
_FEWEST_SENTENCES, _FEWEST_WORDS = 20, 4  # values, and words in one, that are text rather than categories
_BUCKETS = 32
_MOST_RARE = 10_000  # categories without a feature whose rows are kept
_MOST_IDENTIFIERS = 50
_RUNNING = (
    "each row has another whole number, as where rows are counted or named by numbers; leave the column out "
    "unless the order of the numbers tells something"
)
_FEW_QUANTITIES = 10  # so many different numbers among words may well be codes


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedColumns:
    """What became of the columns of a table.

    Args:
        encodings: By column, those of use.
        dropped: Why a column is of no use.
        notes: What else is worth knowing of a column.
        problems: What must be mended.
    """

    encodings: dict[str, FeatureColumn] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def fit_columns(
    columns: Mapping[str, pd.Series], train_rows: np.ndarray, *, text_encoder: str | None = HASHED
) -> FittedColumns:
    """Decide how each column is encoded, and fit its constants.

    What a column holds is read off all rows, so that a table does not fail for one split and pass for
    another; every constant comes from the training rows.

    Args:
        columns: By name.
        train_rows: Positions of the training rows.
        text_encoder: See `text_features`.
    """
    fitted = FittedColumns()
    readings: dict[str, Reading] = {}
    numbers: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        try:
            readings[name] = reading = column_reading(column)
            if reading.kind == "category":
                _fit_category(name, column, train_rows, fitted, text_encoder)
                continue
            whole = finite_numbers(column, reading.kind, words=reading.words, form=reading.form)
            values = whole[train_rows]
        except DataError as error:
            fitted.problems.append(str(error))
            continue
        if reading.form:
            _add_note(fitted, name, form_note(reading.form))
        if reading.words:
            _add_note(fitted, name, strays_note(column, reading.kind, reading.words))
        if reading.kind == "number" and _is_running(whole):
            _add_note(fitted, name, _RUNNING)
        n_distinct, some_missing = len(np.unique(values[~np.isnan(values)])), bool(np.isnan(values).any())
        if n_distinct == 1 and some_missing:  # a flag: that value, or nothing
            _fit_category(name, column, train_rows, fitted)
        elif n_distinct < 2:
            fitted.dropped[name] = _constant(values)
        else:
            numbers[name] = values
    if numbers:
        _fit_numbers(numbers, readings, fitted)
    return fitted


def _fit_numbers(
    numbers: Mapping[str, np.ndarray], readings: Mapping[str, Reading], fitted: FittedColumns
) -> None:
    """Standardize all number columns at once."""
    from sklearn.impute import SimpleImputer  # here, as it takes half a second to import
    from sklearn.preprocessing import StandardScaler

    matrix = np.stack(list(numbers.values()), axis=1)  # [row, column]
    imputer = SimpleImputer(strategy="median")
    scaler = StandardScaler().fit(imputer.fit_transform(matrix))
    medians, means, scales, variances = map(
        np.asarray, (imputer.statistics_, scaler.mean_, scaler.scale_, scaler.var_)
    )  # [column]
    for position, (name, values) in enumerate(numbers.items()):
        reading = readings[name]
        if scales[position] == 1 and variances[position] < 0.5:  # so StandardScaler marks what is constant
            fitted.dropped[name] = "constant up to rounding in the training rows"
        elif reading.kind != "category":
            fitted.encodings[name] = NumberFeatures(
                name=name,
                kind=reading.kind,
                median=float(medians[position]),
                mean=float(means[position]),
                scale=float(scales[position]),
                indicator=bool(np.isnan(values).any()),
                words=reading.words,
                parts=varying_parts(values) if reading.kind == "time" else (),
                form=reading.form,
                low=float(np.nanmin(values)) if reading.kind == "number" else None,
                high=float(np.nanmax(values)) if reading.kind == "number" else None,
            )


def _fit_category(
    name: str,
    column: pd.Series,
    train_rows: np.ndarray,
    fitted: FittedColumns,
    text_encoder: str | None = HASHED,
) -> None:
    texts = column_categories(column)[train_rows]
    counts = Counter(text for text in texts if text is not None)
    n_missing = len(texts) - counts.total()
    fit_category(name, column, counts, n_missing, fitted, text_encoder=text_encoder)


def fit_category(
    name: str,
    column: pd.Series,
    counts: Counter[str],
    n_missing: int,
    fitted: FittedColumns,
    *,
    text_encoder: str | None = HASHED,
) -> None:
    """Decide how a column of categories is encoded, and fit its constants.

    Args:
        name: The column.
        column: Its values.
        counts: Its categories in the training rows, in the order in which they occur, with their rows.
        n_missing: Training rows without one.
        fitted: Takes the encoding, or why there is none.
        text_encoder: See `text_features`.
    """
    n_labelled = counts.total()
    read_as_missing = column.attrs.get(MISSING_WORDS, {}).get(name, {})
    if read_as_missing:
        fitted.notes[name] = (
            f"{examples(read_as_missing)} counts as missing in {some_rows(sum(read_as_missing.values()))}"
        )
    if not counts or (len(counts) == 1 and not n_missing):
        fitted.dropped[name] = _constant(np.array(list(counts), dtype=object))
        return
    several_units = "" if isinstance(column.dtype, pd.CategoricalDtype) else units_note(counts)
    if several_units:
        _add_note(fitted, name, several_units)
    if not several_units and _is_text(counts):
        found, meaning = text_features(
            name, list(counts.elements()), missing=n_missing > 0, encoder=text_encoder
        )
        fitted.encodings[name] = found
        note = f"text of {n_words(counts)} words, the median, becomes {N_FEATURES} numbers by its words and"
        _add_note(fitted, name, f"{note} runs of characters{meaning}")
        return
    if len(counts) > _MOST_IDENTIFIERS and len(counts) > n_labelled / 2:
        fitted.dropped[name] = (
            f"text that is different in most rows ({len(counts)} values in {n_labelled} rows)"
        )
        fitted.dropped[name] += f"; {fitted.notes.pop(name)}" if several_units else _numbers_among(column)
        return
    if len(counts) > _MOST_CATEGORIES:
        note = (
            f"only the {_MOST_CATEGORIES} most frequent of {len(counts)} categories are features of their "
            f"own; the others, and new ones, share {_BUCKETS} by their hash"
        )
        _add_note(fitted, name, note + _numbers_among(column))
    elif not several_units and (note := quantities_note(column)):
        _add_note(fitted, name, note)
    # Equal counts are kept in the order of their text, so that the order of rows does not matter.
    ordered = sorted(sorted(counts), key=lambda category: -counts[category])
    kept, rare = ordered[:_MOST_CATEGORIES], ordered[_MOST_CATEGORIES:][:_MOST_RARE]
    fitted.encodings[name] = CategoryFeatures(
        name=name,
        categories=tuple(sorted(kept)),
        missing=n_missing > 0,
        buckets=_BUCKETS if rare else 0,
        rare={category: counts[category] for category in rare},
    )


def _is_text(counts: Counter[str]) -> bool:
    """Tell whether many values are text with something in common, rather than codes or categories."""
    different = len(counts) > counts.total() / 2
    if different and len(counts) > _MOST_IDENTIFIERS:
        return is_prose(counts)
    many = len(counts) > (_FEWEST_SENTENCES if different else _MOST_CATEGORIES)
    return many and n_words(counts) >= _FEWEST_WORDS and is_prose(counts)


def _add_note(fitted: FittedColumns, name: str, note: str) -> None:
    fitted.notes[name] = f"{fitted.notes[name]}; {note}" if name in fitted.notes else note


def _is_running(values: np.ndarray) -> bool:
    """Tell whether each row has another whole number, and few are left out between them."""
    known = values[~np.isnan(values)]
    if len(known) <= _MOST_IDENTIFIERS or known.max() - known.min() >= 2 * len(known):
        return False
    return bool((known == np.rint(known)).all()) and len(np.unique(known)) == len(known)


def _constant(values: np.ndarray) -> str:
    known = values[~pd.isna(values)]
    return (
        f"always {spell(known[0])!r} in the training rows" if len(known) else "no value in the training rows"
    )


def _numbers_among(column: pd.Series) -> str:
    """Hint at a column of numbers that some text spoils."""
    texts = [text for text in column_categories(column) if text is not None]
    spoilt = [text for text in texts if read_number(text) is None]
    if len(spoilt) > len(texts) / 5:
        return ""
    found = examples(dict.fromkeys(spoilt), limit=3)
    return (
        f"; it holds numbers but for {some_rows(len(spoilt))} with {found}: empty these to use it as numbers"
    )


def strays_note(column: pd.Series, kind: str, words: Sequence[str]) -> str:
    """Tell which words of a column of numbers or times count as missing, and in how many rows."""
    n_rows = int(np.isin(column_categories(column), list(words)).sum())
    return f"{examples(words)} counts as missing in {some_rows(n_rows)}, as all other values are {kind}s"


def quantities_note(column: pd.Series) -> str:
    """Tell that most values of a column of categories look like numbers or times; nothing where they do not.

    Example:
        >>> quantities_note(pd.Series([f"{number},500" for number in range(20, 40)]))[:54]
        "it is read as categories, though '20,500', '21,500', '"
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return ""
    counts = Counter(text for text in column_categories(column) if text is not None)
    quantities = [text for text in counts if looks_like_quantity(text)]
    n_rows = sum(counts[text] for text in quantities)
    if len(quantities) <= _FEW_QUANTITIES or 2 * n_rows < counts.total() or any(map(is_code, quantities)):
        return ""
    odd = [text for text in quantities if read_number(text) is None] or [
        text for text in counts if text not in quantities
    ]
    if not odd:  # numbers all, of which a float would lose digits, or which are classes
        return ""
    found = examples(odd, limit=3)
    if read_number(odd[0]) is None and looks_like_quantity(odd[0]):
        return (
            f"it is read as categories, though {found} look like numbers or times: write 1234.5 and "
            "2024-03-31, and leave unknown ones empty"
        )
    return f"it is read as categories because of {found}; empty these to use it as numbers"
