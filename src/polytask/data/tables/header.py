"""The header of delimited text: the delimiter, the names of the columns, and which rows are whole."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from polytask.core import DataError
from polytask.data.tables.cell import read_number
from polytask.data.tables.problems import examples

__all__ = ["Header", "check_names", "find_header", "first_lines", "whole_rows"]

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first lines of a file tell.

    Args:
        delimiter: Between the values of a row.
        names: Of the columns, as they are written.
        n_lines: Lines before the first row.
    """

    delimiter: str
    names: tuple[str, ...]
    n_lines: int

    @property
    def n_numbered(self) -> int:
        """1 where the first column is row numbers without a name, which are left out."""
        return int(len(self.names) > 1 and not self.names[0])


def first_lines(file: Iterable[str]) -> list[str]:
    """Take the lines of a file up to the first one that is not blank, and 99 more."""
    lines = iter(file)
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    return head + list(itertools.islice(lines, 99))


def find_header(head: list[str], where: str) -> Header:
    """Find delimiter and names in the first lines of a file.

    Raises:
        DataError: There are none, or the rows begin with a byte order mark, as where files were joined.
    """
    marked = _SEPARATOR_LINE.fullmatch(head[0]) if head else None
    delimiter = marked.group(1) if marked else _delimiter(head)
    if delimiter in '\r\n" ':
        raise DataError(f"{where}, line 1: sep= names no delimiter. Delete the line, or name one.")
    n_skipped = 1 if marked else 0
    lines = iter(head[n_skipped:])
    _, names = next(_rows(lines, delimiter, where, n_skipped), (0, None))
    if names is None:
        raise DataError(f"{where} is empty; it needs a line of column names, and rows.")
    rest = list(lines)
    if next((line for line in rest if line.strip()), "").lstrip(' "').startswith("\ufeff"):
        raise DataError(
            f"{where}: the first row begins with a byte order mark (U+FEFF), as where a file was put behind "
            "another one. Delete it."
        )
    return Header(delimiter=delimiter, names=tuple(names), n_lines=len(head) - len(rest))


def check_names(names: list[str], where: str) -> None:
    """Refuse names of which columns cannot be told apart, or that are rather numbers of a first row.

    Raises:
        DataError: They cannot be used.
    """
    nameless = [position for position, name in enumerate(names, start=1) if not name]
    if all(read_number(name) is not None for name in names if name) and (
        nameless or any("." in name for name in names)
    ):
        raise DataError(
            f"{where}: the first line holds numbers, not column names. Put a line of names above it."
        )
    if nameless:
        raise DataError(
            f"{where}: column {', '.join(map(str, nameless))} of the header has no name. Name it, or delete "
            "the delimiter at the end of every line."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{where}: several columns are named {examples(repeated)}. Give every column its own name; if "
            "the first line is data, put a line of names above it."
        )


def _delimiter(head: list[str]) -> str:
    """Choose the delimiter that splits most of the first lines as it splits the header."""
    best, best_score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(head, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 1
        if width > 1:
            score = (sum(len(row) == width for row in rows) / len(rows), width)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def whole_rows(
    lines: Iterable[str], header: Header, where: str, *, quoted_empty: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the values of every row below the header.

    Args:
        lines: Those below the header.
        header: What `find_header` found.
        where: Names the file in messages.
        quoted_empty: Whether ``""`` in a line of its own is the empty value of an only column, and no blank
            line.

    Raises:
        DataError: A row has another number of fields than the header, or a quote is not closed.
    """
    n_columns = len(header.names)
    for line, row in _rows(
        lines, header.delimiter, where, header.n_lines, quoted_empty=quoted_empty and n_columns == 1
    ):
        if len(row) != n_columns:
            raise DataError(
                f"{where}, line {line}: the header has {n_columns} fields, but this line has "
                f"{len(row)}. Complete or shorten it; quote a value that contains a "
                f"{_DELIMITERS.get(header.delimiter, repr(header.delimiter))}."
            )
        yield line, row


def _rows(
    lines: Iterable[str], delimiter: str, where: str, n_skipped: int, *, quoted_empty: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line where a row begins, and its stripped values; skip blank lines."""
    # Strict: an unclosed quote or text after a closing one is an error, not a guess.
    written = ""

    def watched() -> Iterator[str]:
        nonlocal written
        for line in lines:
            written = line
            yield line

    reader = csv.reader(
        watched() if quoted_empty else lines, delimiter=delimiter, skipinitialspace=True, strict=True
    )
    while True:
        line = reader.line_num + 1 + n_skipped
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{where}, line {line}: {error}. Close every quote, and double a quote inside a quoted value."
            ) from error
        values = [value.strip() for value in row]
        if values and (values != [""] or '"' in written):
            yield line, values
