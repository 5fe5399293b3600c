"""Delimited text to a data frame, strictly: a file that can be read in two ways is refused."""

import csv
import io
import itertools
import tempfile
from collections.abc import Iterable
from typing import Any, TextIO, cast

import pandas as pd

from polytask.core import DataError
from polytask.data.tables.header import check_names, find_header, first_lines, whole_rows
from polytask.data.tables.typed_columns import mark_missing, typed_columns

__all__ = ["read_delimited", "read_lines"]

_IN_MEMORY = 32 * 2**20  # bytes of a table's text, beyond which it waits on disk


def read_delimited(text: str, where: str) -> pd.DataFrame:
    """Read text with a header line; the delimiter is the one of comma, semicolon, tab and bar that fits best.

    White space around a value does not count, nor do blank lines. A first column without a name is taken
    for the row numbers that pandas and R write, and left out; so is a first line ``sep=;``, which Excel
    writes and which tells the delimiter. A column of numbers stays text where its writing tells more than the
    number: leading zeros (``01``), or few values of which one would be written otherwise (``1.10``, ``1E5``).

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
    return read_lines(io.StringIO(text, newline=""), where)


def read_lines(file: TextIO, where: str) -> pd.DataFrame:
    """Read an open text file as `read_delimited` does; line ends must not have been translated."""
    head = first_lines(file)
    header = find_header(head, where)
    n_columns = len(header.names)
    rows = whole_rows(itertools.chain(head[header.n_lines :], file), header, where)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as spooled:
        canonical_text = cast(TextIO, spooled)
        # Quotes a carriage return inside a value as well, since the terminator contains one.
        writer = csv.writer(canonical_text, lineterminator="\r\n")
        n_rows = 0
        for line, row in rows:
            _write(writer, row, f"{where}, line {line}")
            n_rows += 1
        if not n_rows:
            raise DataError(f"{where} has a header but no rows; add some.")
        check_names(list(header.names[header.n_numbered :]), where)

        def read(columns: list[int], missing: Iterable[str], dtype: type[str] | None) -> pd.DataFrame:
            canonical_text.seek(0)
            frame = pd.read_csv(
                canonical_text,
                header=None,
                names=list(range(n_columns)),
                usecols=columns,
                index_col=False,
                na_values=list(missing),
                keep_default_na=False,
                skip_blank_lines=False,
                low_memory=False,  # types of whole columns, not of pieces
                dtype=dtype,
            )
            if dtype is None:
                mark_missing(frame)
            return frame

        try:
            return typed_columns(read, header, doubtful=_doubtful)
        except (ValueError, ArithmeticError, LookupError) as error:
            why = next(iter(str(error).splitlines()), "")[:100]
            raise DataError(
                f"{where} cannot be read as a table ({why}). Save it again as UTF-8 text."
            ) from error


def _write(writer: Any, row: list[str], where: str) -> None:
    try:
        writer.writerow(row)
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{where} is not valid Unicode. Save the table as UTF-8 text.") from error


def _doubtful(_: int, column: pd.Series) -> bool:
    """Tell whether the text of a column may say more than what pandas made of it."""
    return pd.api.types.is_numeric_dtype(column.dtype) or bool(column.isna().any())
