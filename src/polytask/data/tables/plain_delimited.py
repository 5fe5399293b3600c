"""Large delimited text, read at the speed of pandas where pandas takes it for the same table as we do.

`polytask.data.tables.delimited` reads any file, with care: each value is split off, stripped and written
again before pandas sees it. Most files are plain, and pandas may read them as they are: quotes around whole
values alone, no white space around a value, rows as long as the header. While it does, another thread looks
for what would make it another table (`PlainScan`); then the file is read with care after all. The text of a
column is read, too, only where it may say more than the numbers: leading zeros, few different values, words
for missing ones.
"""

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd

from polytask.data.tables.delimited import (
    EXACT,
    MISSING,
    MOST_CLASSES,
    N_SAMPLED,
    Header,
    check_names,
    typed_columns,
)

__all__ = ["FileOpener", "PlainScan", "read_plain"]

FileOpener: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file from its beginning."""

_PIECE = 2**20
_BLOCK = 2**16  # bytes looked at at once: they stay in the cache
_CONTROLS = tuple(bytes([code]) for code in (9, 11, 12, 28, 29, 30, 31))
_SPACES = [  # white space beyond ASCII
    chr(code).encode()
    for code in (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
]
_SPACES_BY_START = {space[:-1]: [other for other in _SPACES if other[:-1] == space[:-1]] for space in _SPACES}


class PlainScan:
    """What the bytes of a file tell before they are parsed.

    Args:
        header: Its header.
        start: Bytes before the first row.
    """

    def __init__(self, header: Header, start: int) -> None:
        self._delimiter = ord(header.delimiter)
        self._to_skip = start
        self._tail = b"\n"  # the last bytes of the piece before
        self._is_plain = self._delimiter < 128 and len(header.names) > 1
        self._in_quotes = False  # before the tail
        self._ends_in_quotes = False
        self.has_quotes = self.has_codes = self.has_plus = False
        self.n_delimiters = 0

    @property
    def is_plain(self) -> bool:
        """Whether all quotes are around values, and no white space is at the ends of a value."""
        end = self._tail.removesuffix(b'"')[-1]
        ended = end > 32 or (end in (self._delimiter, 10, 13) and not self._tail.endswith(b'"'))
        return self._is_plain and ended and not self._ends_in_quotes

    def look(self, piece: bytes) -> None:
        """Look at the next bytes of the file."""
        skipped = min(self._to_skip, len(piece))
        self._to_skip -= skipped
        text, n_before = self._tail + piece[skipped:], len(self._tail)
        self._tail = text[-3:]
        self._is_plain = self._is_plain and not _has_other_spaces(text) and not _has_lone_returns(text)
        if not self._is_plain:
            return
        values = np.frombuffer(text, np.uint8)
        inside = None  # a quoted value, its first quote included
        if self._in_quotes or b'"' in text:
            self.has_quotes = True
            inside = (np.cumsum(values == 34, dtype=np.uint8) & 1).astype(bool) ^ self._in_quotes
            self._in_quotes = bool(inside[-4]) if len(inside) > 3 else self._in_quotes
            self._ends_in_quotes = bool(inside[-1])
        self.has_plus = self.has_plus or b"+" in text
        spaced = b" " in text or any(control in text for control in _CONTROLS) or inside is not None
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK + 3)
            n_old = max(0, n_before - first)
            self._look_at(values[part], None if inside is None else inside[part], n_old, spaced=spaced)

    def _look_at(self, values: np.ndarray, inside: np.ndarray | None, n_old: int, *, spaced: bool) -> None:
        """Look at some bytes, and three more that are to come again; ``n_old`` of them were seen before."""
        delimiters = values == self._delimiter
        if inside is not None:
            delimiters &= ~inside
        self.n_delimiters += int(np.count_nonzero(delimiters[n_old:_BLOCK]))
        ends = delimiters | (values == 10) | (values == 13)
        borders = ends  # after or before which a value begins or ends
        if inside is not None:
            ends &= ~inside
            borders = self._quotes(values == 34, inside, ends)
        if spaced:
            spaces = (values <= 32) & ~ends
            self._is_plain &= not bool((spaces[1:] & borders[:-1]).any() or (spaces[:-1] & borders[1:]).any())
        # A value that is longer than the 131,072 characters of the csv module fills a block.
        self._is_plain &= len(values) < _BLOCK or bool(ends.any())
        if not self.has_codes:  # a zero and a digit at the beginning of a value, or after its sign
            zeros = (values == 48)[:-1] & ((values - 48) < 10)[1:]
            signs = (values == 45) | (values == 43) if self.has_plus else values == 45
            self.has_codes = bool((borders[:-2] & zeros[1:]).any()) or bool(
                (borders[:-3] & signs[1:-2] & zeros[2:]).any()
            )

    def _quotes(self, quotes: np.ndarray, inside: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Check that quotes are around whole values, or doubled; return them and the ends of values."""
        known = ends | quotes
        opening, closing = quotes & inside, quotes & ~inside
        self._is_plain &= not bool((opening[1:] & ~known[:-1]).any() or (closing[:-1] & ~known[1:]).any())
        borders = ends.copy()
        borders[1:] |= opening[1:] & ends[:-1]
        borders[:-1] |= closing[:-1] & ends[1:]
        return borders


def read_plain(
    header: Header,
    start: int,
    open_file: FileOpener,
    check: Callable[[Callable[[bytes], None]], None],
    where: str,
) -> pd.DataFrame | None:
    """Read a file as `read_lines` does; None where that has to be asked.

    Args:
        header: Its header.
        start: Bytes before the first row.
        open_file: Opens it.
        check: Goes through the file, and shows what it is given every piece of it.
        where: Names the file in messages.

    Raises:
        DataError: What ``check`` raises; or the names of the columns cannot be used.
    """
    scan = PlainScan(header, start)
    if not scan.is_plain:
        return None
    with ThreadPoolExecutor(1) as pool:
        looked = pool.submit(check, scan.look)
        frame = _parse(header, start, open_file)
        looked.result()
    if frame is None or frame.empty or not scan.is_plain:
        return None
    # Rows beyond the first that are longer than it are an error of pandas, so that none is shorter either.
    if scan.n_delimiters != (len(header.names) - 1) * len(frame):
        return None
    n_missing = int(frame.isna().to_numpy().sum())
    n_empty = -1 if scan.has_quotes else _count_empty(header, start, open_file) if n_missing else 0
    check_names(list(header.names[header.n_numbered :]), where)

    def read(columns: list[int], missing: Iterable[str], dtype: type[str] | None) -> pd.DataFrame:
        if dtype is None:
            return frame.iloc[:, columns]
        texts = _arrow_texts(header, start, open_file, columns, lines_in_values=scan.has_quotes)
        if texts is not None and len(texts) == len(frame):
            return texts
        with open_file() as content:
            content.read(start)
            return pd.read_csv(content, usecols=columns, dtype=dtype, **_options(header, missing))

    def doubtful(column: pd.Series) -> bool:
        if n_missing != n_empty and column.isna().any():
            return True
        return _may_tell_more(column, scan)

    return typed_columns(read, header, doubtful=doubtful)


def _parse(header: Header, start: int, open_file: FileOpener) -> pd.DataFrame | None:
    """Let pandas read all columns; None where it cannot, or rows are longer than the header."""
    # Reading in pieces is faster, but finds types piece by piece; where they differ, it begins again.
    for low_memory in (True, False):
        try:
            with open_file() as content, warnings.catch_warnings():
                warnings.simplefilter("ignore", pd.errors.DtypeWarning)
                warnings.simplefilter("error", pd.errors.ParserWarning)
                content.read(start)
                frame = pd.read_csv(content, low_memory=low_memory, **_options(header, MISSING))
        except (ValueError, ArithmeticError, LookupError, pd.errors.ParserWarning):
            return None
        if not any(map(_may_be_of_pieces, (column for _, column in frame.items()))):
            return frame
    return frame


def _arrow_texts(
    header: Header, start: int, open_file: FileOpener, columns: list[int], *, lines_in_values: bool
) -> pd.DataFrame | None:
    """Read columns as text by pyarrow, ten times as fast as pandas does; None where it is not installed."""
    try:
        import pyarrow
        from pyarrow import csv
    except ImportError:
        return None
    names = [str(index) for index in range(len(header.names))]
    wanted = [str(index) for index in columns]
    text = pd.StringDtype(na_value=np.nan)
    try:
        with open_file() as content:
            content.read(start)
            table = csv.read_csv(
                content,
                read_options=csv.ReadOptions(column_names=names),
                parse_options=csv.ParseOptions(
                    delimiter=header.delimiter, newlines_in_values=lines_in_values
                ),
                convert_options=csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pyarrow.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
        return table.to_pandas(types_mapper={pyarrow.string(): text}.get)
    except (pyarrow.ArrowException, ValueError):
        return None


def _options(header: Header, missing: Iterable[str]) -> dict[str, Any]:
    return {
        "sep": header.delimiter,
        "header": None,
        "names": list(range(len(header.names))),
        "index_col": False,
        "na_values": list(missing),
        "keep_default_na": False,
        "encoding": "utf-8",
    }


def _may_be_of_pieces(column: pd.Series) -> bool:
    """Tell whether pieces of a column may have been of different types."""
    if pd.api.types.is_float_dtype(column.dtype):
        return bool(column.abs().max() > EXACT)
    return pd.api.types.is_object_dtype(column.dtype)


def _may_tell_more(column: pd.Series, scan: PlainScan) -> bool:
    """Tell whether the text of a column may say more than its numbers do."""
    dtype = column.dtype
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return False
    if scan.has_codes:
        return True
    if pd.api.types.is_integer_dtype(dtype):
        return scan.has_plus
    if column.abs().max() > EXACT:
        return True
    return column.iloc[:N_SAMPLED].nunique() <= MOST_CLASSES and column.nunique() <= MOST_CLASSES


def _count_empty(header: Header, start: int, open_file: FileOpener) -> int:
    """Count the values of a file that are empty."""
    n_empty, last, delimiter = 0, b"\n", ord(header.delimiter)
    with open_file() as content:
        content.read(start)
        while piece := content.read(_PIECE):
            values = np.frombuffer(last + piece, np.uint8)
            for first in range(0, len(values) - 1, _BLOCK):
                block = values[first : first + _BLOCK + 1]
                delimiters = block == delimiter
                ends = delimiters | (block == 10) | (block == 13)
                n_empty += int(np.count_nonzero((delimiters[1:] & ends[:-1]) | (ends[1:] & delimiters[:-1])))
            last = piece[-1:]
    return n_empty + int(last == header.delimiter.encode())


def _has_lone_returns(text: bytes) -> bool:
    """Tell whether a line ends without a line feed: after a blank one, pandas loses an empty first value."""
    return b"\r" in text and text.count(b"\r", 0, len(text) - 1) != text.count(b"\r\n")


def _has_other_spaces(text: bytes) -> bool:
    """Tell whether there is white space beyond ASCII, which `str.strip` takes off."""
    return not text.isascii() and any(
        start in text and any(space in text for space in spaces) for start, spaces in _SPACES_BY_START.items()
    )
