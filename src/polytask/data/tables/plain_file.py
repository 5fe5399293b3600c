"""A file of delimited text that is looked at in parts of whole lines, by several threads."""

import io
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

from polytask.core import DataError
from polytask.core.processors import processors
from polytask.data.tables.header import Header, whole_rows

__all__ = ["FileOpener", "PlainFile", "threads"]

FileOpener: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file from its beginning."""

T = TypeVar("T")
_PART = 2**22  # bytes of a part
_HEAD = 2**15
_MOST_THREADS = 6


def threads() -> ThreadPoolExecutor:
    """Return threads that look at a file together."""
    return ThreadPoolExecutor(min(processors(), _MOST_THREADS))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile:
    """A file of delimited text.

    Args:
        header: Its header.
        start: Bytes before the first row.
        open: Opens it.
        path: Where it may be read by others; None for what is compressed.
    """

    header: Header
    start: int
    open: FileOpener
    path: Path | None

    def head(self) -> tuple[bytes, list[list[str]]]:
        """Return the first 32 KiB of rows, and their values; none where the first row is not whole."""
        with self.open() as content:
            content.read(self.start)
            text = content.read(_HEAD)
        lines = io.StringIO(text.decode(errors="replace"), newline="")
        rows: list[list[str]] = []
        try:
            for _, row in whole_rows(lines, self.header, ""):
                rows.append(row)
        except DataError:  # the last row may have been cut off
            pass
        return text, rows if len(text) < _HEAD else rows[:-1]

    def each_part(self, look: Callable[[bytes], T], pool: Executor) -> Iterator[T]:
        """Show all rows to ``look``, in parts of about 4 MiB.

        Args:
            look: Takes a line feed and whole lines, the last of which ends in one, too. A line that is longer
                than a part comes in several.
            pool: Calls it, by several threads at once, from now on.

        Returns:
            What it returns, in the order of the file.
        """
        if self.path is None:
            return itertools.chain.from_iterable(
                pool.map(lambda _: [look(part) for part in self._parts_in_turn()], [None])
            )
        return pool.map(lambda border: look(self._part(*border)), self._borders(self.path))

    def _borders(self, path: Path) -> list[tuple[int, int]]:
        size = path.stat().st_size
        places = [self.start]
        with self.open() as content:
            while places[-1] + _PART < size:
                content.seek(places[-1] + _PART - 1)
                content.readline(_PART)
                places.append(content.tell())
        borders = zip(places, [*places[1:], size], strict=True)
        return [(first, last) for first, last in borders if first < last]

    def _part(self, first: int, last: int) -> bytes:
        with self.open() as content:
            content.seek(first - 1)
            return _whole_lines(content.read(last - first + 1))

    def _parts_in_turn(self) -> Iterator[bytes]:
        with self.open() as content:
            rest = content.read(self.start)[-1:]
            while piece := content.read(_PART):
                text = rest + piece
                end = text.rfind(b"\n") + 1
                if end > 1:
                    yield _whole_lines(text[:end])
                    rest = text[end - 1 :]
                else:
                    rest = text
            if len(rest) > 1:
                yield _whole_lines(rest)


def _whole_lines(part: bytes) -> bytes:
    """Put an end to the last line, and leave out blank ones after it."""
    if not part.endswith(b"\n"):
        return part + (b"\r\n" if b"\r\n" in part else b"\n")
    while part.endswith((b"\n\n", b"\n\r\n")):
        part = part[:-2] if part.endswith(b"\r\n") else part[:-1]
    return part
