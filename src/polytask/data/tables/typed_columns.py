"""The types of the columns of delimited text: what pandas finds, corrected where the text tells more."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import pandas as pd

from polytask.data.tables.cell import canonical, read_number
from polytask.data.tables.header import Header

__all__ = [
    "EXACT",
    "MISSING",
    "MISSING_WORDS",
    "MOST_CLASSES",
    "N_SAMPLED",
    "ColumnsReader",
    "mark_missing",
    "tells_more",
    "typed_columns",
]

ColumnsReader: TypeAlias = Callable[[list[int], Iterable[str], type[str] | None], pd.DataFrame]
"""Reads some columns, given by index; which words are missing values; and of which type, None for any."""

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None")
"""The spellings of a missing value."""

MISSING_WORDS = "words read as missing"
"""Where a frame's ``attrs`` tell which words of a text column count as missing: column, word, rows."""

MOST_CLASSES = 1000
"""Different numbers of a column beyond which the way that they are written does not matter."""

EXACT = 2**53
"""Up to which a float holds every whole number."""

N_SAMPLED = 20_000
"""Rows that are looked at before all of them."""

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


def typed_columns(
    read: ColumnsReader,
    header: Header,
    *,
    doubtful: Callable[[int, pd.Series], bool],
    known_words: Callable[[int], dict[str, int]] = lambda _: {},
) -> pd.DataFrame:
    """Let pandas find the type of every column, and correct it where the text tells more.

    Args:
        read: Reads columns of the file.
        header: Its header.
        doubtful: Tells whether the text of a column, given by index and values, has to be read, too.
        known_words: Tells which words of another column count as missing, and how often.
    """
    first, names = header.n_numbered, list(header.names)
    frame = read(list(range(first, len(names))), MISSING, None)
    frame.columns = pd.Index(names[first:])
    indices = [index for index in range(first, len(names)) if doubtful(index, frame.iloc[:, index - first])]
    texts = read(indices, [""], str) if indices else pd.DataFrame()
    words = {names[index]: known_words(index) for index in range(first, len(names))}
    for index, (_, text) in zip(indices, texts.items(), strict=True):
        words[names[index]] = _count_words(text)
        column = frame.iloc[:, index - first]
        if pd.api.types.is_numeric_dtype(column.dtype):
            known = text.where(column.notna())
            if tells_more(known):
                frame.isetitem(index - first, known.array)
            elif pd.api.types.is_float_dtype(column.dtype) and column.abs().max() > EXACT:
                frame.isetitem(index - first, _whole(known, column))
    frame.attrs[MISSING_WORDS] = {name: counts for name, counts in words.items() if counts}
    return frame


def mark_missing(frame: pd.DataFrame) -> None:
    """Mark as missing what pandas leaves as it is written: words among whole numbers beyond 64 bits."""
    for index, (_, column) in enumerate(frame.items()):
        first = column.iloc[0] if len(column) else None
        if isinstance(first, str) and (first in MISSING or _INTEGER.fullmatch(first)):
            missing = column.isin(MISSING)
            if missing.any():
                frame.isetitem(index, column.mask(missing).array)


def _whole(texts: pd.Series, numbers: pd.Series) -> Any:
    """Read large whole numbers, which pandas makes floats where some are missing, without rounding them."""
    if not texts.dropna().str.fullmatch(r"[+-]?\d{1,19}").all():
        return numbers
    try:
        return pd.array([None if pd.isna(text) else int(text) for text in texts], dtype="Int64")
    except OverflowError:  # beyond 64 bits
        return texts.array


def _count_words(texts: pd.Series) -> dict[str, int]:
    """Count the spellings of a missing value that are words."""
    marks = texts[texts.isin([word for word in MISSING if word])]
    return {str(word): int(count) for word, count in marks.value_counts().items()} if len(marks) else {}


def tells_more(texts: pd.Series) -> bool:
    """Tell whether the text of a column of numbers says more than the numbers do."""
    texts = texts.dropna()
    if texts.str.fullmatch(r"[+-]?0[0-9]+").any():  # as `is_code` has it, all at once
        return True
    if texts.iloc[:N_SAMPLED].nunique() > MOST_CLASSES:
        return False
    distinct = texts.unique().tolist()
    return len(distinct) <= MOST_CLASSES and any(_rewritten(text) for text in distinct)


def _rewritten(text: str) -> bool:
    number = canonical(text)
    return (
        text not in (number, f"{number}.0", "-0", "-0.0", "True", "False") and read_number(text) is not None
    )
