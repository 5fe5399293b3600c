"""Delimited text to a data frame of texts: every value is what is written."""

import contextlib
import csv
import itertools
from collections.abc import Iterator
from typing import TextIO

import pandas as pd

from polytask.core import DataError
from polytask.core.process_setting import ProcessSetting
from polytask.data.tables.header import check_names, find_header, first_lines, whole_rows

__all__ = ["read_texts"]

_LONGEST_FIELD = 2**25  # characters; the longest line of `table_file` has as many bytes


def read_texts(file: TextIO, where: str) -> pd.DataFrame:
    """Read an open text file as `read_lines` does, but leave every value the text that it is, however long.

    A value that is not there is the empty text.

    Args:
        file: Line ends must not have been translated.
        where: Names the file in messages.

    Raises:
        DataError: As for `read_delimited`.

    Example:
        >>> import io
        >>> read_texts(io.StringIO("code,word\\n01,NA\\n"), "words.csv").to_numpy().tolist()
        [['01', 'NA']]
    """
    with _LONG_FIELDS.block():
        head = first_lines(file)
        header = find_header(head, where)
        lines = itertools.chain(head[header.n_lines :], file)
        rows = [row[header.n_numbered :] for _, row in whole_rows(lines, header, where, quoted_empty=True)]
    names = list(header.names[header.n_numbered :])
    if not rows:
        raise DataError(f"{where} has a header but no rows; add some.")
    check_names(names, where)
    return pd.DataFrame(rows, columns=names, dtype=object)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Let a value be as long as a line."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


_LONG_FIELDS = ProcessSetting(_long_fields)
