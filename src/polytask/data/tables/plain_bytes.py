"""What few passes over plain bytes tell, together with the table that pandas made of them.

`PlainScan` asks of all bytes whether white space is at the ends of a value. Here it suffices to count the
small bytes: those up to the space, and the delimiter; up to the comma if that is the delimiter, which
includes quotes and plus signs. Each of them ends a line, parts two values, or is in a value that is text,
which the parsed column shows. If the sum is right, no number has any beside it, no line is blank, and no row
has a value too much. Plus signs, quotes and returns are counted, too, where there are some.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polytask.data.tables.plain_missing import MissingValues, missing_values
from polytask.data.tables.plain_scan import code_starts, has_long_values
from polytask.data.tables.scratch import scratch

__all__ = ["PlainBytes", "PlainLook", "count_small"]

_BLOCK = 2**20  # bytes looked at at once: for longer than threads take to hand over the interpreter
_FEED, _RETURN, _SPACE, _QUOTE, _PLUS, _COMMA, _MINUS = 10, 13, 32, 34, 43, 44, 45


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBytes:
    """What the bytes of a file, or of a part of it, tell.

    Args:
        is_plain: Whether lines are not too long, quotes are around whole values or doubled, and returns come
            before line feeds alone.
        n_small: Small bytes, all beyond ASCII included.
        n_codes: Values that begin with a zero and a digit, or did if they were not in quotes; 0 where that
            was not asked.
        n_plus, n_quotes, n_returns: Bytes of that kind; 0 where that was not asked.
        missing: Missing values of each part.
    """

    is_plain: bool = True
    n_small: int = 0
    n_codes: int = 0
    n_plus: int = 0
    n_quotes: int = 0
    n_returns: int = 0
    missing: Sequence[MissingValues] = ()

    def __add__(self, other: "PlainBytes") -> "PlainBytes":
        return PlainBytes(
            is_plain=self.is_plain and other.is_plain,
            n_small=self.n_small + other.n_small,
            n_codes=self.n_codes + other.n_codes,
            n_plus=self.n_plus + other.n_plus,
            n_quotes=self.n_quotes + other.n_quotes,
            n_returns=self.n_returns + other.n_returns,
            missing=[*self.missing, *other.missing],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainLook:
    """What is asked of the bytes of a part; called with a part, it looks.

    Args:
        delimiter: Its byte.
        codes: Whether codes are counted.
        more: Whether quotes, plus signs and returns are.
        words: The first letters of missing values to look for, besides empty ones; None for no missing
            values at all.
        rows: Whether it matters in which rows they are.
    """

    delimiter: int
    codes: bool = True
    more: bool = True
    words: bytes | None = None
    rows: bool = False

    def __call__(self, part: bytes) -> PlainBytes:
        """Look at a part, which is a line feed and whole lines."""
        if part[:1] != b"\n" or has_long_values(part, self.delimiter):
            return PlainBytes(is_plain=False)
        values = np.frombuffer(part, np.uint8)
        quotes, returns, n_plus = None, None, 0
        if self.more:
            quotes = np.flatnonzero(values == _QUOTE) if b'"' in part else None
            returns = np.flatnonzero(values == _RETURN) if b"\r" in part else None
            n_plus = int(np.count_nonzero(values == _PLUS)) if b"+" in part else 0
        is_plain, n_codes = (True, 0) if quotes is None else self._quoted(values, quotes)
        if returns is not None and not (values[returns + 1] == _FEED).all():
            is_plain = False
        missing = []
        if self.words is not None and is_plain:
            ended = returns is not None
            missing = [
                missing_values(values, self.delimiter, self.words, quotes, returns=ended, rows=self.rows)
            ]
        return PlainBytes(
            is_plain=is_plain,
            n_small=count_small(values[1:], self.delimiter),
            n_codes=n_codes + (self._count_codes(values) if self.codes else 0),
            n_plus=n_plus,
            n_quotes=0 if quotes is None else len(quotes),
            n_returns=0 if returns is None else len(returns),
            missing=missing,
        )

    def _count_codes(self, values: np.ndarray) -> int:
        """Count the values that begin with a zero and a digit, maybe after a sign."""
        n_codes = 0
        zeros, nexts, befores = scratch(3, _BLOCK + 2)
        for first in range(0, len(values) - 2, _BLOCK):
            block = values[first : first + _BLOCK + 2]
            size = len(block)
            # Bytes are 0 where one is "0", where it is 0 to 9 (or what follows in ASCII), and where it ends a
            # value, is a sign or what else is below the decimal point.
            zero = np.bitwise_xor(block, ord("0"), out=zeros[:size])
            digit = np.bitwise_and(zero, 0xF0, out=nexts[:size])
            before = np.greater(block, _MINUS, out=befores[:size].view(bool))
            if self.delimiter > _MINUS:
                np.logical_and(before, block != self.delimiter, out=before)
            found = np.bitwise_or(zero[1:-1], digit[2:], out=zeros[1 : size - 1])
            np.bitwise_or(found, before[:-2].view(np.uint8), out=found)
            if not found.min():
                n_codes += self._count_starts(values, np.flatnonzero(found == 0) + first + 1)
        return n_codes

    def _count_starts(self, values: np.ndarray, zeros: np.ndarray) -> int:
        """Count the zeros, before a digit or what follows in ASCII, with which codes begin."""
        before = values[zeros - 1]
        clear = (before == self.delimiter) | (before == _FEED)
        n_clear = int(np.count_nonzero(clear & (values[zeros + 1] < 58)))
        return n_clear + len(code_starts(values, zeros[~clear], self.delimiter))

    def _quoted(self, values: np.ndarray, quotes: np.ndarray) -> tuple[bool, int]:
        """Tell whether quotes are around whole values or doubled, and count the codes in them."""
        if len(quotes) % 2:
            return False, 0
        opening, closing = quotes[::2], quotes[1::2]
        before, after = values[opening - 1], values[closing + 1]
        begins, ends = self._parts(before), self._parts(after)
        if not ((begins | (before == _QUOTE)).all() and (ends | (after == _QUOTE)).all()):
            return False, 0
        firsts = opening[begins] + 1
        signs = (values[firsts] == _PLUS) | (values[firsts] == _MINUS)
        firsts = firsts + signs
        firsts = firsts[firsts < len(values) - 1]
        return True, int(((values[firsts] == 48) & (values[firsts + 1] - 48 < 10)).sum())

    def _parts(self, values: np.ndarray) -> np.ndarray:
        return (values == self.delimiter) | (values == _FEED) | (values == _RETURN)


def count_small(values: np.ndarray, delimiter: int) -> int:
    """Count small bytes: all up to the space, the delimiter, what is below the comma if it is the one; and
    all beyond ASCII.
    """
    bound = np.int8(_COMMA if delimiter == _COMMA else _SPACE)
    marks = scratch(1, _BLOCK)[0].view(bool)
    n_small = 0
    for first in range(0, len(values), _BLOCK):
        block = values[first : first + _BLOCK]
        here = marks[: len(block)]
        n_small += int(np.count_nonzero(np.less_equal(block.view(np.int8), bound, out=here)))
        if delimiter > _COMMA:
            n_small += int(np.count_nonzero(np.equal(block, delimiter, out=here)))
    return n_small
