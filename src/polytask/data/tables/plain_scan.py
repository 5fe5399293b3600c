"""What the bytes of delimited text tell before it is parsed: whether any reader takes it for the same table.

The bytes are looked at in blocks that stay in the cache, by as few passes as will do: a pass over a file of
text takes some hundredths of the time that parsing it does. Blocks with quotes take more of them.
"""

import numpy as np

from polytask.data.tables.header import Header

__all__ = ["PlainScan", "code_starts", "has_long_values", "has_other_spaces"]

_BLOCK = 2**17  # bytes looked at at once: they stay in the cache
_LONG = 2**16  # a value that is longer than the 131,072 characters of the csv module fills so many bytes
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
        self._is_plain = self._is_plain and not has_other_spaces(text) and not _has_lone_returns(text)
        if not self._is_plain:
            return
        self._is_plain = not has_long_values(text, self._delimiter)
        values = np.frombuffer(text, np.uint8)
        self.has_plus = self.has_plus or b"+" in text
        if not self._in_quotes and b'"' not in text:
            controlled = any(control in text for control in _CONTROLS)
            spaced = controlled or b" " in text
            for first in range(0, len(values), _BLOCK):
                n_old = max(0, n_before - first)
                part = values[first : first + _BLOCK + 3]
                self._look_at(part, n_old, spaced=spaced, controlled=controlled)
            return
        self.has_quotes = True
        inside = _inside_quotes(values, started=self._in_quotes)
        self._in_quotes = bool(inside[-4]) if len(inside) > 3 else self._in_quotes
        self._ends_in_quotes = bool(inside[-1])
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK + 3)
            self._look_at_quoted(values[part], inside[part], max(0, n_before - first))

    def _look_at(self, values: np.ndarray, n_old: int, *, spaced: bool, controlled: bool) -> None:
        """Look at some bytes, and three more that are to come again; ``n_old`` of them were seen before."""
        delimiters = values == self._delimiter
        self.n_delimiters += int(np.count_nonzero(delimiters[n_old:_BLOCK]))
        if spaced:
            inner = values[1:-1]
            spaces = np.flatnonzero(inner <= 32 if controlled else inner == 32) + 1
            if controlled:
                spaces = spaces[~self._ends(values[spaces])]
            self._is_plain &= not (self._ends(values[spaces - 1]) | self._ends(values[spaces + 1])).any()
        if not self.has_codes:
            self.has_codes = self._holds_code(values, delimiters)

    def _holds_code(self, values: np.ndarray, delimiters: np.ndarray) -> bool:
        """Tell whether a value, or what comes after its sign, begins with a zero and a digit."""
        early = values[:-2] <= 45  # signs, line ends, and some delimiters
        if self._delimiter > 45:
            early |= delimiters[:-2]
        early &= values[1:-1] == 48
        early &= values[2:] > 47
        return len(code_starts(values, np.flatnonzero(early) + 1, self._delimiter)) > 0

    def _ends(self, values: np.ndarray) -> np.ndarray:
        """Tell which bytes end a value."""
        return _ends(values, self._delimiter)

    def _look_at_quoted(self, values: np.ndarray, inside: np.ndarray, n_old: int) -> None:
        """Do the same where some values are quoted."""
        delimiters = (values == self._delimiter) & ~inside
        self.n_delimiters += int(np.count_nonzero(delimiters[n_old:_BLOCK]))
        ends = delimiters | (values == 10) | (values == 13)
        ends &= ~inside
        borders = self._quotes(values == 34, inside, ends)  # after or before which a value begins or ends
        spaces = (values <= 32) & ~ends
        self._is_plain &= not bool((spaces[1:] & borders[:-1]).any() or (spaces[:-1] & borders[1:]).any())
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


def code_starts(values: np.ndarray, zeros: np.ndarray, delimiter: int) -> np.ndarray:
    """Return which zeros, before which a value may begin, begin a number as codes do: ``01``, ``-01``.

    Args:
        values: Bytes.
        zeros: Where a zero is, after a byte that may end a value or be a sign, and before a digit or letter.
        delimiter: Between values.
    """
    zeros = zeros[values[zeros + 1] < 58]
    before = values[zeros - 1]
    starts = zeros - ((before == 43) | (before == 45))
    inner = starts > 0
    return zeros[inner][_ends(values[starts[inner] - 1], delimiter)]


def _ends(values: np.ndarray, delimiter: int) -> np.ndarray:
    """Tell which bytes end a value."""
    return (values == delimiter) | (values == 10) | (values == 13)


def _inside_quotes(values: np.ndarray, *, started: bool) -> np.ndarray:
    """Tell which bytes are inside a quoted value, its first quote included."""
    lengths = np.diff(np.flatnonzero(values == 34), prepend=0, append=len(values))
    return np.repeat((np.arange(len(lengths)) % 2 == 1) ^ started, lengths)


def has_long_values(text: bytes, delimiter: int) -> bool:
    """Tell whether many bytes on end have no end of a value in them."""
    ends = (b"\n", bytes([delimiter]))
    last = len(text) - _LONG
    places = [*range(0, last, _LONG), last] if last >= 0 else []
    return any(all(text.find(end, place, place + _LONG) < 0 for end in ends) for place in places)


def _has_lone_returns(text: bytes) -> bool:
    """Tell whether a line ends without a line feed: after a blank one, pandas loses an empty first value."""
    return b"\r" in text and text.count(b"\r", 0, len(text) - 1) != text.count(b"\r\n")


def has_other_spaces(text: bytes) -> bool:
    """Tell whether there is white space beyond ASCII, which `str.strip` takes off."""
    return not text.isascii() and any(
        start in text and any(space in text for space in spaces) for start, spaces in _SPACES_BY_START.items()
    )
