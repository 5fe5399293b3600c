"""What the text of parsed columns tells of the bytes of their file, where pandas keeps it as pyarrow does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polytask.data.tables.plain_bytes import count_small
from polytask.data.tables.plain_scan import has_other_spaces

__all__ = ["TextBytes", "count_code_texts", "is_text", "may_hold_words", "text_bytes"]

_SPACE, _PLUS, _MINUS = 32, 43, 45
_LONG = 19  # digits of a number beyond 63 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBytes:
    """Bytes of the values of a column of text.

    Args:
        n_small: As `polytask.data.tables.plain_bytes.count_small` counts them.
        n_plus, n_quotes: Plus signs and quotes; 0 where there is no small byte.
        has_line_ends: Whether a value has several lines.
    """

    n_small: int = 0
    n_plus: int = 0
    n_quotes: int = 0
    has_line_ends: bool = False

    def __add__(self, other: "TextBytes") -> "TextBytes":
        return TextBytes(
            n_small=self.n_small + other.n_small,
            n_plus=self.n_plus + other.n_plus,
            n_quotes=self.n_quotes + other.n_quotes,
            has_line_ends=self.has_line_ends or other.has_line_ends,
        )


def is_text(column: pd.Series) -> bool:
    """Tell whether a column is text."""
    return isinstance(column.dtype, pd.StringDtype | pd.ArrowDtype)


def text_bytes(column: pd.Series, delimiter: int) -> TextBytes | None:
    """Count bytes in the values of a column of text.

    Returns:
        None where white space is at the ends of a value, a value is no UTF-8, or the bytes are not known.
    """
    n_small = n_plus = n_quotes = 0
    has_line_ends = False
    for part, ends, values in _buffers(column):
        if ends is None:
            return None
        n_here = count_small(values, delimiter)
        if not n_here:
            continue
        n_small += n_here
        there = ends[1:] > ends[:-1]
        firsts, lasts = values[(ends[:-1] - ends[0])[there]], values[(ends[1:] - ends[0] - 1)[there]]
        if len(firsts) and min(firsts.min(), lasts.min()) <= _SPACE:
            return None
        text = values.tobytes()
        if not text.isascii() and (has_other_spaces(text) or not _is_valid(part)):
            return None
        if b"\0" in text:
            return None
        n_plus += text.count(b"+")
        n_quotes += text.count(b'"')
        has_line_ends |= b"\n" in text or b"\r" in text
    return TextBytes(n_small=n_small, n_plus=n_plus, n_quotes=n_quotes, has_line_ends=has_line_ends)


def count_code_texts(column: pd.Series) -> int:
    """Count the values of a column of text that begin with a zero and a digit, maybe after a sign."""
    n_codes = 0
    for _, ends, values in _buffers(column):
        if ends is None:
            return 0
        firsts = ends[:-1] - ends[0]
        letters = values[np.minimum(firsts, len(values) - 1)]
        signs = (letters == _PLUS) | (letters == _MINUS)
        early = np.flatnonzero(signs | (letters == ord("0")))
        zeros = firsts[early] + signs[early]
        zeros = zeros[zeros + 1 < ends[early + 1] - ends[0]]  # within the value, and one more after it
        n_codes += int(((values[zeros] == ord("0")) & (values[zeros + 1] - ord("0") < 10)).sum())
    return n_codes


def may_hold_words(column: pd.Series) -> bool:
    """Tell whether words for missing values may be left in text, beside numbers beyond 63 bits."""
    return any(ends is None or bool((np.diff(ends) >= _LONG).any()) for _, ends, _ in _buffers(column))


def _buffers(column: pd.Series) -> Iterator[tuple[Any, np.ndarray | None, np.ndarray]]:
    """Yield the parts of a column, where each value ends, and the bytes from the first one's beginning on.

    Where text is not kept as pyarrow does, nothing is known of its bytes: None for where values end.
    """
    try:
        import pyarrow
    except ImportError:
        yield None, None, np.zeros(0, np.uint8)
        return
    kept = pyarrow.array(column.array)
    for part in kept.chunks if isinstance(kept, pyarrow.ChunkedArray) else [kept]:
        wide = pyarrow.types.is_large_string(part.type)
        if not (wide or pyarrow.types.is_string(part.type)):
            yield part, None, np.zeros(0, np.uint8)
            return
        _, places, text = part.buffers()
        if not len(part) or text is None:
            continue
        ends = np.frombuffer(places, np.int64 if wide else np.int32)[part.offset :][: len(part) + 1]
        yield part, ends, np.frombuffer(text, np.uint8)[ends[0] : ends[-1]]


def _is_valid(part: Any) -> bool:
    """Tell whether all values of a pyarrow array are UTF-8."""
    import pyarrow

    try:
        part.validate(full=True)
    except pyarrow.ArrowInvalid:
        return False
    return True
