"""Labels as people see them: 3 and not 3.0, without white space around, in one form of Unicode."""

import datetime
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.core.names import counted
from polytask.data.examples.naming import named
from polytask.data.tables.cell import NUMERIC, read_number, spell, valid_unicode
from polytask.data.tables.problems import examples
from polytask.data.tables.typed_columns import MISSING

__all__ = ["is_missing", "read_labels"]


def read_labels(
    values: Sequence[Any], called: Callable[[int], str], *, where: str = "The list"
) -> tuple[tuple[str, ...], list[str]]:
    """Write labels as texts.

    Args:
        values: Texts, numbers, truth values.
        called: Names an example by its index, for messages.
        where: Where they are, for messages.

    Returns:
        The labels, and what is noteworthy about them.

    Raises:
        DataError: Labels are missing, empty or of another kind; all of them are told at once.

    Example:
        >>> read_labels([3.0, " red ", True], "row {}".format)
        (('3', 'red', 'True'), [])
    """
    labels: list[str] = []
    missing: list[int] = []
    odd: list[int] = []
    for index, value in enumerate(values):
        value = value.item() if isinstance(value, np.generic) or _is_scalar_array(value) else value
        if is_missing(value) or not isinstance(value, (str, datetime.date, *NUMERIC)):
            (missing if is_missing(value) else odd).append(index)
            continue
        label = unicodedata.normalize("NFC", spell(value)).strip()
        if not label:
            missing.append(index)
        elif not valid_unicode(label):
            odd.append(index)
        labels.append(label)
    problems = []
    if missing:
        problems.append(
            f"{where}: {len(missing)} of {counted(len(values), 'example')} without a label: "
            f"{named(missing, called)}. Label them, or leave them out."
        )
    if odd:
        kind = type(values[odd[0]]).__name__
        problems.append(
            f"{where}: a label is a text or a number, but that of {named(odd, called)} is none ({kind}). "
            "Write the class's name."
        )
    if problems:
        raise DataError(" ".join(problems))
    labels, notes = _whole(labels)
    return tuple(labels), [*notes, *_alike(labels), *_doubtful(labels)]


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty: None, NaN, NaT."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _is_scalar_array(value: Any) -> bool:
    return getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None))


def _whole(labels: list[str]) -> tuple[list[str], list[str]]:
    """Write whole numbers without the fraction that a program gave all of them: 3 for 3.0."""
    if not labels or not all(re.fullmatch(r"[+-]?\d+\.0", label, re.ASCII) for label in labels):
        return labels, []
    whole = [label[:-2] for label in labels]
    return whole, [f"The labels are whole numbers: {labels[0]!r} is read as {whole[0]!r}."]


def _alike(labels: Sequence[str]) -> list[str]:
    """Point out labels that differ only by case or white space."""
    spellings: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        spellings.setdefault(" ".join(label.casefold().split()), []).append(label)
    alike = [group for group in spellings.values() if len(group) > 1]
    if not alike:
        return []
    named = "; ".join(examples(group) for group in alike[:5])
    more = f"; and {len(alike) - 5} more" if len(alike) > 5 else ""
    return [
        f"Labels that differ only by case or white space count as different classes: {named}{more}. Write "
        "them alike if they are one class."
    ]


def _doubtful(labels: Sequence[str]) -> list[str]:
    """Point out what may be meant otherwise: a class `none` is possible, a class `NaN` or `0.31` hardly."""
    words = [word for word in MISSING if word and word in labels]
    notes = [f"{examples(words)} is taken for the name of a class, not for a missing label."] * bool(words)
    numbers = [read_number(label) for label in dict.fromkeys(labels)]
    if all(number is not None for number in numbers) and any(number % 1 for number in numbers if number):
        notes.append(f"The labels are numbers such as {labels[0]}; each of them counts as a class.")
    return notes
