"""Delimited text to a data frame, strictly: a file that can be read in two ways is refused."""

import csv
import io
import itertools
from collections.abc import Iterator

import pandas as pd

from polytask.core import DataError
from polytask.data.column import read_number
from polytask.data.problems import examples

__all__ = ["MISSING", "read_delimited"]

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None")
"""The spellings of a missing value."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def read_delimited(text: str, where: str) -> pd.DataFrame:
    """Read text with a header line; the delimiter is the one of comma, semicolon, tab and bar that fits best.

    White space around a value does not count, nor do blank lines. A first column without a name is taken
    for the row numbers that pandas and R write, and left out.

    Args:
        text: The content of a file.
        where: Names the file in messages.

    Raises:
        DataError: There is no row, a row has another number of fields than the header, a quote is not closed,
            a column has no name, or two have the same.

    Example:
        >>> read_delimited("size; colour\\n 1.5; red\\n\\n ?; blue\\n", "colours.csv")
           size colour
        0   1.5    red
        1   NaN   blue
    """
    delimiter = _delimiter(text)
    rows = _rows(text, delimiter, where)
    _, names = next(rows, (0, None))
    if names is None:
        raise DataError(f"{where} is empty; it needs a line of column names, and rows.")
    canonical = io.StringIO()
    # Quotes a carriage return inside a value as well, since the terminator contains one.
    writer = csv.writer(canonical, lineterminator="\r\n")
    n_rows = 0
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{where}, line {line}: the header has {len(names)} fields, but this line has {len(row)}. "
                f"Complete or shorten it; quote a value that contains a {_DELIMITERS[delimiter]}."
            )
        writer.writerow(row)
        n_rows += 1
    if not n_rows:
        raise DataError(f"{where} has a header but no rows; add some.")
    numbered = len(names) > 1 and not names[0]
    _check_names(names[1:] if numbered else names, where)
    canonical.seek(0)
    frame = pd.read_csv(
        canonical,
        header=None,
        names=list(range(len(names))),
        index_col=False,
        na_values=list(MISSING),
        keep_default_na=False,
        skip_blank_lines=False,
        low_memory=False,  # types of whole columns, not of pieces
    )
    frame.columns = pd.Index(names)
    return frame.iloc[:, 1:] if numbered else frame


def _delimiter(text: str) -> str:
    """Choose the delimiter that splits most of the first lines as it splits the header."""
    best, best_score = ",", (0.0, 1)
    head = list(itertools.islice(io.StringIO(text, newline=""), 100))
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


def _rows(text: str, delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line where a row begins, and its stripped values; skip blank lines."""
    # Strict: an unclosed quote or text after a closing one is an error, not a guess.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{where}, line {line}: {error}. Close every quote, and double a quote inside a quoted value."
            ) from error
        values = [value.strip() for value in row]
        if values and values != [""]:
            yield line, values


def _check_names(names: list[str], where: str) -> None:
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
