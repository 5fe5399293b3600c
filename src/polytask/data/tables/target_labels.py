"""What a split needs to know of the targets before they are fitted, and what to tell of their labels."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.core.doors import by_door
from polytask.data.tables.cell import is_code, read_number
from polytask.data.tables.column import (
    column_categories,
    column_distinct,
    column_known,
    column_numbers,
    one_column,
)
from polytask.data.tables.feature_fitting import quantities_note, strays_note
from polytask.data.tables.label_split import Labels
from polytask.data.tables.number_form import form_note
from polytask.data.tables.problems import examples, look_alikes, some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_kinds import asked_as, parse_target
from polytask.data.tables.targets import target_reading
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = ["label_guesses", "split_labels", "target_messages"]

_FEW_LABELS = 10


def split_labels(frame: pd.DataFrame, targets: Sequence[str]) -> dict[str, Labels]:
    """Read the labels of each target as a split needs them; leave out targets that cannot be learned.

    Training needs every class. Of a regression it needs two different values, which matters where labels are
    few or most of them are equal.

    Args:
        frame: A table, as `read_table` returns it.
        targets: As for `fit_targets`.
    """
    found = {}
    for text in targets:
        name, kind = parse_target(text, frame.columns)
        try:
            column = one_column(frame, name)
            if not column_known(column).any():
                continue
            kind, reading = target_reading(column, kind)
            if kind in ("regression", "log"):
                numbers = column_numbers(column, words=reading.words, form=reading.form)
                found[name] = _of_numbers(numbers)
            else:
                found[name] = Labels(codes=pd.factorize(column_categories(column))[0].astype(np.int64))
        except DataError:
            continue  # `fit_targets` tells why
    return found


def _of_numbers(numbers: np.ndarray) -> Labels:
    labelled = ~np.isnan(numbers)
    values, counts = np.unique(numbers[labelled], return_counts=True)
    codes = np.where(labelled, 0, -1)
    if len(values) > 1 and counts.sum() <= _FEW_LABELS:
        codes[labelled & (numbers > values[(len(values) - 1) // 2])] = 1
    elif len(values) > 1 and 2 * counts.max() > counts.sum():
        codes[labelled & (numbers != values[counts.argmax()])] = 1
    return Labels(codes=codes, all_in_training=len(values) > 1 and bool((codes == 1).any()))


def label_guesses(
    frame: pd.DataFrame,
    targets: Sequence[TargetColumn],
    *,
    asked: Sequence[str] = (),
    n_rows: int | None = None,
) -> list[str]:
    """Tell which words were taken for no label, which classes look like numbers, and which numbers are "
    "classes.

    Args:
        frame: A table, as `read_table` returns it.
        targets: Its targets.
        asked: As they were asked, ``NAME`` or ``NAME:KIND``; a kind that was asked is no guess.
        n_rows: Of the table, where the frame is a part of it.
    """
    messages = []
    free = {name for name, kind in (parse_target(text, frame.columns) for text in asked) if kind is None}
    for target in targets:
        where = f"Target {target.task.name!r}"
        words = frame.attrs.get(MISSING_WORDS, {}).get(target.task.name, {})
        if words:
            n_words = sum(words.values())
            otherwise = by_door(python=", or make the column of the data frame categorical", command="")
            messages.append(
                f"{where}: {examples(words)} counts as no label in {n_words} of "
                f"{some_rows(n_rows or len(frame))}. If "
                f"it is a class, give it another name{otherwise}."
            )
        messages += look_alikes(target.classes, where, "classes")
        if target.words:
            column = one_column(frame, target.task.name)
            messages.append(f"{where}: {strays_note(column, 'number', target.words)}.")
        if target.form:
            messages.append(f"{where}: {form_note(target.form)}.")
        if target.classes and (note := quantities_note(one_column(frame, target.task.name))):
            messages.append(f"{where}: {note}.")
        if target.task.name in free and _numbers_as_classes(one_column(frame, target.task.name), target):
            messages.append(
                f"{where} has {len(target.classes)} different whole numbers, which are learned as "
                f"classes. Ask "
                f"for {asked_as(target.task.name, 'regression')} if they are amounts, or for "
                f"{asked_as(target.task.name, target.task.kind)} if they are classes."
            )
    return messages


def _numbers_as_classes(column: pd.Series, target: TargetColumn) -> bool:
    """Tell whether classes are whole numbers by which amounts may be meant; not 0 and 1, nor codes like "
    "007."""
    if isinstance(column.dtype, pd.CategoricalDtype) or any(map(is_code, target.classes)):
        return False
    numbers = [read_number(name) for name in target.classes]
    whole = [number for number in numbers if number is not None and number % 1 == 0]
    return bool(whole) and len(whole) == len(numbers) and set(whole) != {0, 1}


def target_messages(
    frame: pd.DataFrame,
    targets: Sequence[TargetColumn],
    *,
    asked: Sequence[str] = (),
    counts: Mapping[str, Mapping[str, int]] | None = None,
    n_rows: int | None = None,
) -> list[str]:
    """Tell which labels were read otherwise than they are written, and which classes are too rare.

    Args:
        frame: A table, as `read_table` returns it.
        targets: Its targets.
        asked: As for `label_guesses`.
        counts: By target, the rows of each class, where the frame is a part of the table; None to count them.
        n_rows: As for `label_guesses`.
    """
    messages = label_guesses(frame, targets, asked=asked, n_rows=n_rows)
    for target in targets:
        where = f"Target {target.task.name!r}"
        column = one_column(frame, target.task.name)
        messages += _type_messages(column, target, where)
        rows = counts[target.task.name] if counts else Counter(_labels(column))
        rare = [name for name in target.classes if rows.get(name, 0) < 3]
        if rare:
            one = len(rare) == 1
            those, have, them = ("class", "has", "it") if one else ("classes", "have", "them")
            messages.append(
                f"{where}: {those} {examples(rare)} {have} fewer than 3 rows, so that some networks never "
                f"see {them}; the figures say little about {them}."
            )
    return messages


def _labels(column: pd.Series) -> list[str]:
    return [text for text in column_categories(column) if text is not None]


def _type_messages(column: pd.Series, target: TargetColumn, where: str) -> list[str]:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return []
    _, values, _ = column_distinct(column)
    if any(isinstance(value, datetime.timedelta | np.timedelta64) for value in values):
        return [f"{where} holds durations; it is learned and answered in days."]
    if target.task.kind == "regression":
        if not target.words and not target.form and any(isinstance(value, str) for value in values):
            return [
                f"{where} is text that spells numbers, and is learned as a regression. Ask for "
                f"{asked_as(column.name, 'multiclass')} if they name classes."
            ]
        return []
    kinds = sorted({"text" if isinstance(value, str) else type(value).__name__ for value in values})
    if len(kinds) > 1 and all(isinstance(label, str) for label in target.labels):
        return [f"{where} holds values of several types ({', '.join(kinds)}); its answers are text."]
    if kinds and kinds != ["text"] and all(isinstance(label, str) for label in target.labels):
        return [f"{where} holds values of type {kinds[0]}; its answers are their text."]
    return []
