"""The values that are missing in delimited text, counted by column without parsing it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from polytask.data.tables.header import Header
from polytask.data.tables.typed_columns import MISSING

__all__ = ["MissingValues", "count_missing"]

_PIECE = 2**18
_LONGEST = 4  # bytes of a spelling: four fit in one number
_KEYS = {int.from_bytes(word.encode(), "little"): word for word in MISSING}
_SORTED = np.array(sorted(_KEYS), dtype=np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingValues:
    """How often values are missing in each column.

    Args:
        totals: By column, with empty ones.
        words: By column, each spelling that is a word; the most frequent first.
    """

    totals: Sequence[int]
    words: Sequence[dict[str, int]]


def count_missing(header: Header, start: int, file: AbstractContextManager[BinaryIO]) -> MissingValues | None:
    """Count missing values of a file without quotes and white space; None where lines are no whole rows.

    Args:
        header: Its header.
        start: Bytes before the first row.
        file: Opens it.
    """
    n_columns = len(header.names)
    counts = np.zeros(n_columns * len(_SORTED), dtype=np.int64)
    order: dict[int, None] = {}  # of spellings in columns, as they come
    rest = b""
    with file as content:
        content.read(start)
        while True:
            piece = content.read(_PIECE)
            text = rest + (piece or b"\n" * bool(rest))
            end = text.rfind(b"\n") + 1
            rest = text[end:]
            rows = text[:end].replace(b"\r\n", b"\n") if b"\r" in text else text[:end]
            found = _spellings(rows, ord(header.delimiter), n_columns)
            if found is None:
                return None
            counts += np.bincount(found, minlength=len(counts))
            kinds, firsts = np.unique(found, return_index=True)
            order |= dict.fromkeys(kinds[np.argsort(firsts)].tolist())
            if not piece:
                break
    words: list[dict[str, int]] = [{} for _ in range(n_columns)]
    for kind in sorted(order, key=lambda kind: -counts[kind]):
        column, spelling = divmod(kind, len(_SORTED))
        if word := _KEYS[int(_SORTED[spelling])]:
            words[column][word] = int(counts[kind])
    return MissingValues(totals=counts.reshape(n_columns, -1).sum(1).tolist(), words=words)


def _spellings(rows: bytes, delimiter: int, n_columns: int) -> np.ndarray | None:
    """Find missing values in whole lines: each as its column and which spelling, in one number."""
    values = np.frombuffer(rows + bytes(_LONGEST), np.uint8)
    ends = np.flatnonzero((values == delimiter) | (values == 10))
    whole = len(ends) % n_columns == 0 and (values[ends[n_columns - 1 :: n_columns]] == 10).all()
    if not whole or np.count_nonzero(values == 10) * n_columns != len(ends):
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    short = np.flatnonzero(lengths <= _LONGEST)
    lengths = lengths[short]
    starts = ends[short] - lengths
    keys = np.zeros(len(short), dtype=np.uint32)
    for place in range(_LONGEST):
        letters = values[starts + place].astype(np.uint32) << np.uint32(8 * place)
        keys |= np.where(place < lengths, letters, np.uint32(0))
    spellings = np.minimum(np.searchsorted(_SORTED, keys), len(_SORTED) - 1)
    missing = _SORTED[spellings] == keys
    return (short[missing] % n_columns) * len(_SORTED) + spellings[missing]
