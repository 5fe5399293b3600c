"""What very few passes over plain bytes tell, together with the table that pandas made of them.

`PlainScan` asks of all bytes whether white space is at the ends of a value. Where there are neither quotes
nor letters beyond ASCII it suffices to count: every byte up to the space either ends a line, or parts values,
or is in a value that is text, whose ends the parsed column shows. If the sum is right, no number has any
beside it. Rows are whole where their last value is there.
"""

import numpy as np
import pandas as pd

from polytask.data.tables.header import Header
from polytask.data.tables.plain_scan import code_starts, has_long_values

__all__ = ["QuickScan"]

_BLOCK = 2**17  # bytes looked at at once: they stay in the cache
_DELIMITERS = (",", ";", "\t", "|")
_SPACE = 32
_MORE = 3  # bytes beside a block: a code is told by four, `,-01`


class QuickScan:
    """What the bytes of a file tell before they are parsed.

    Args:
        header: Its header.
        start: Bytes before the first row.
    """

    has_quotes = False

    def __init__(self, header: Header, start: int) -> None:
        self._n_columns, self._delimiter = len(header.names), ord(header.delimiter)
        self._to_skip = start
        self._tail = b"\n"  # the last bytes of the piece before
        self.may_do = header.delimiter in _DELIMITERS and self._n_columns > 1
        self.has_codes = self.has_plus = False
        self._is_first = True
        self._n_low = 0  # bytes up to the space
        self._marks = np.empty((2, _BLOCK + _MORE), dtype=bool)

    def look(self, piece: bytes) -> None:
        """Look at the next bytes of the file."""
        if not self.may_do:
            return
        skipped = min(self._to_skip, len(piece))
        self._to_skip -= skipped
        self.may_do = piece.isascii() and b'"' not in piece and b"\r" not in piece
        text = piece[skipped:] if skipped else piece
        if self._is_first and text:  # pandas takes a first row that ends in a delimiter too much for whole
            self._is_first = False
            delimiters = text.partition(b"\n")[0].count(self._delimiter)
            self.may_do = self.may_do and delimiters < self._n_columns
        if not self.may_do or has_long_values(text, self._delimiter):
            self.may_do = False
            return
        self.has_plus = self.has_plus or b"+" in text
        if not self.has_codes:
            self.has_codes = self._holds_code(np.frombuffer(self._tail + text[:_MORE], np.uint8))
        self._tail = (self._tail + text[-_MORE:])[-_MORE:]
        values = np.frombuffer(text, np.uint8)
        for first in range(0, len(values), _BLOCK):
            part = values[first : first + _BLOCK]
            low = np.less_equal(part, _SPACE, out=self._marks[0][: len(part)])
            self._n_low += int(np.count_nonzero(low))
            if not self.has_codes:
                self.has_codes = self._holds_code(values[first : first + _BLOCK + _MORE])

    def _holds_code(self, values: np.ndarray) -> bool:
        """Tell whether a value, or what comes after its sign, begins with a zero and a digit."""
        if len(values) < _MORE:
            return False
        found, more = self._marks[:, : len(values) - 2]
        np.less_equal(values[:-2], 45, out=found)  # signs, line ends, and some delimiters
        if self._delimiter > 45:
            np.logical_or(found, np.equal(values[:-2], self._delimiter, out=more), out=found)
        np.logical_and(found, np.equal(values[1:-1], 48, out=more), out=found)
        np.logical_and(found, np.greater(values[2:], 47, out=more), out=found)
        return bool(found.any()) and len(code_starts(values, np.flatnonzero(found) + 1, self._delimiter)) > 0

    def explains(self, frame: pd.DataFrame) -> bool:
        """Tell whether pandas took the file for the table that it is; rows may still be too short."""
        if not self.may_do:
            return False
        n_within = 0
        for _, column in frame.items():
            if isinstance(column.dtype, pd.StringDtype):
                n_low = _low_within(column)
                if n_low is None:
                    return False
                n_within += n_low
        n_lines = len(frame) - (not self._tail.endswith(b"\n"))
        n_parting = (self._n_columns - 1) * len(frame) if self._delimiter == 9 else 0
        return self._n_low == n_lines + n_parting + n_within


def _low_within(column: pd.Series) -> int | None:
    """Count the bytes up to the space in values; None where one begins or ends with such a byte.

    Also None where text is not kept as pyarrow does, so that nothing is known of its bytes.
    """
    try:
        import pyarrow
    except ImportError:
        return None
    n_low = 0
    kept = pyarrow.array(column.array)
    for part in kept.chunks if isinstance(kept, pyarrow.ChunkedArray) else [kept]:
        wide = pyarrow.types.is_large_string(part.type)
        if not (wide or pyarrow.types.is_string(part.type)):
            return None
        _, places, text = part.buffers()
        if not len(part) or text is None:
            continue
        ends = np.frombuffer(places, np.int64 if wide else np.int32)[part.offset :][: len(part) + 1]
        values = np.frombuffer(text, np.uint8)
        there = ends[1:] > ends[:-1]
        firsts, lasts = values[ends[:-1][there]], values[ends[1:][there] - 1]
        if len(firsts) and min(firsts.min(), lasts.min()) <= _SPACE:
            return None
        n_low += int(np.count_nonzero(values[ends[0] : ends[-1]] <= _SPACE))
    return n_low
