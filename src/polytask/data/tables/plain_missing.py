"""The values that are missing in delimited text, found without parsing it, and their columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polytask.data.tables.scratch import scratch
from polytask.data.tables.typed_columns import MISSING

__all__ = ["ALL_WORDS", "MissingValues", "count_words", "first_letters", "missing_values"]

_BLOCK = 2**20  # bytes looked at at once: for longer than threads take to hand over the interpreter
_LONGEST = 4  # bytes of a spelling: four fit in one number
_KEYS = {int.from_bytes(word.encode(), "little"): word for word in MISSING}
_SORTED = np.array(sorted(_KEYS), dtype=np.uint32)  # the empty one is the first
_FEED, _QUOTE, _MINUS = 10, 34, 45


def first_letters(words: Sequence[str]) -> bytes:
    """Return the letters with which those of some words begin that stand for a missing value."""
    return bytes(sorted({ord(word[0]) for word in words if word and word in MISSING}))


ALL_WORDS = first_letters(MISSING)
"""The letters with which words begin that stand for a missing value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingValues:
    """The missing values of whole lines, in their order.

    Args:
        kinds: ``[value]``, which spelling each has; 0 for the empty one.
        rows: ``[value]``, in which row each is; None where that was not asked.
        n_rows: How many rows there are; 0 where that was not asked.
    """

    kinds: np.ndarray
    rows: np.ndarray | None = None
    n_rows: int = 0


def missing_values(
    values: np.ndarray,
    delimiter: int,
    letters: bytes,
    quotes: np.ndarray | None,
    *,
    returns: bool,
    rows: bool = False,
) -> MissingValues:
    """Find the missing values in a line feed and whole lines.

    Args:
        values: The bytes.
        delimiter: Between values.
        letters: The first ones of the words to look for, besides empty values.
        quotes: Where quotes are, around whole values or doubled; None for nowhere.
        returns: Whether lines end with a return and a line feed.
        rows: Whether it matters in which rows they are.
    """
    places = _starts(values, delimiter, letters, returns=returns)
    if quotes is None:
        kinds = _spellings(values, places + 1, delimiter, returns=returns)
    else:
        places = places[np.searchsorted(quotes, places) % 2 == 0]  # outside of quotes
        opening, closing = quotes[::2], quotes[1::2]
        whole = (values[opening - 1] != _QUOTE) & (values[closing + 1] != _QUOTE)
        whole &= closing - opening <= _LONGEST + 1
        opening = opening[whole]
        plain = _spellings(values, places + 1, delimiter, returns=returns)
        quoted = _spellings(values, opening + 1, _QUOTE, returns=returns)
        places = np.concatenate([places, opening - 1])
        order = np.argsort(places, kind="stable")
        places, kinds = places[order], np.concatenate([plain, quoted])[order]
    there = kinds >= 0
    kinds, places = kinds[there], places[there]
    if not rows:
        return MissingValues(kinds=kinds)
    feeds = np.flatnonzero(values == _FEED)
    if quotes is not None:
        feeds = feeds[np.searchsorted(quotes, feeds) % 2 == 0]
    lines = np.searchsorted(feeds, places, side="right") - 1
    return MissingValues(kinds=kinds, rows=lines, n_rows=len(feeds) - 1)


def _starts(values: np.ndarray, delimiter: int, letters: bytes, *, returns: bool) -> np.ndarray:
    """Return where a delimiter or line feed is before an empty value, or before one of the letters."""
    begins, ends, more, either = scratch(4, _BLOCK + 1).view(bool)
    found: list[np.ndarray] = []
    for first in range(0, len(values) - 1, _BLOCK):
        block = values[first : first + _BLOCK + 1]
        size = len(block)
        feeds = np.equal(block, _FEED, out=begins[:size])
        before = np.equal(block, delimiter, out=ends[:size])
        if returns:
            feeds = np.logical_or(feeds, before, out=feeds)
            np.logical_or(before, np.equal(block, 13, out=more[:size]), out=before)
            before, after = feeds, before
        else:
            before = after = np.logical_or(feeds, before, out=before)
        wanted = after[1:]
        for letter in letters:
            if letter == _MINUS and b"-nan" not in values[first : first + _BLOCK + 8].tobytes():
                continue  # rather than look at each negative number
            asked = np.equal(block[1:], letter, out=more[: size - 1])
            wanted = np.logical_or(wanted, asked, out=either[: size - 1])
        found.append(np.flatnonzero(np.logical_and(before[:-1], wanted, out=more[: size - 1])) + first)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)


def _spellings(values: np.ndarray, firsts: np.ndarray, end: int, *, returns: bool) -> np.ndarray:
    """Return which spelling of a missing value begins at each place; -1 for none."""
    line_end = end if end == _QUOTE else 13 if returns else 10
    letters = values[firsts]
    kinds = np.zeros(len(firsts), dtype=np.intp)
    words = np.flatnonzero((letters != end) & (letters != line_end))
    places, keys = firsts[words], letters[words].astype(np.uint32)
    inside = np.ones(len(words), dtype=bool)
    for place in range(1, _LONGEST + 1):
        letters = values[np.minimum(places + place, len(values) - 1)]
        inside &= (letters != end) & (letters != line_end)
        if place < _LONGEST:
            keys |= np.where(inside, letters, 0).astype(np.uint32) << np.uint32(8 * place)
    spellings = np.minimum(np.searchsorted(_SORTED, keys), len(_SORTED) - 1)
    kinds[words] = np.where((_SORTED[spellings] == keys) & ~inside, spellings, -1)
    return kinds


def count_words(parts: Sequence[MissingValues], missing: Sequence[np.ndarray]) -> list[dict[str, int]] | None:
    """Count the words for missing values by column; None where other values are missing than those found.

    Args:
        parts: Missing values of the parts of a file; with their rows where the last column has some, as a row
            that is too short lacks its last value.
        missing: By column, ``[row]``, whether a value is missing.

    Returns:
        By column, how often each word is there, the most frequent one first.
    """
    kinds = np.concatenate([part.kinds for part in parts]) if parts else np.zeros(0, dtype=np.intp)
    columns = [index for index, rows in enumerate(missing) if rows.any()]
    words: list[dict[str, int]] = [{} for _ in missing]
    if len(kinds) != sum(int(np.count_nonzero(missing[index])) for index in columns):
        return None
    ranks = np.flatnonzero(kinds)
    is_last = bool(missing[-1].any())
    if not len(ranks) and not is_last:
        return words
    table = np.empty((len(missing[0]), len(columns)), dtype=bool)
    for place, index in enumerate(columns):
        table[:, place] = missing[index]
    cells = np.flatnonzero(table)  # the n-th missing value of the file is the n-th one of the table
    if is_last and not np.array_equal(_rows(parts), cells // len(columns)):
        return None
    combined = (cells[ranks] % len(columns)) * len(_SORTED) + kinds[ranks]
    counts = np.bincount(combined)
    first_seen = {int(kind): int(np.argmax(combined == kind)) for kind in np.flatnonzero(counts)}
    for kind in sorted(first_seen, key=lambda kind: (-counts[kind], first_seen[kind])):
        place, spelling = divmod(kind, len(_SORTED))
        words[columns[place]][_KEYS[int(_SORTED[spelling])]] = int(counts[kind])
    return words


def _rows(parts: Sequence[MissingValues]) -> np.ndarray:
    """Return the rows of the missing values, counted through all parts."""
    n_before, rows = 0, []
    for part in parts:
        if part.rows is not None:
            rows.append(part.rows + n_before)
        n_before += part.n_rows
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
