"""Large delimited text, read at the speed of pandas where pandas takes it for the same table as we do.

`polytask.data.tables.delimited` reads any file, with care: each value is split off, stripped and written
again before pandas sees it. Most files are plain, and pandas may read them as they are: quotes around whole
values alone, no white space around a value, rows as long as the header. While it does, another thread looks
for what would make it another table (`QuickScan`, or `PlainScan` where that does not suffice); then the file
is read with care after all. The text of a column is read, too, only where it may say more than the numbers:
leading zeros, few different values, words for missing ones.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd

from polytask.core.quiet import filtered_warnings
from polytask.data.tables.header import Header, check_names
from polytask.data.tables.plain_missing import count_missing
from polytask.data.tables.plain_quick import QuickScan
from polytask.data.tables.plain_scan import PlainScan
from polytask.data.tables.typed_columns import (
    EXACT,
    MISSING,
    MOST_CLASSES,
    N_SAMPLED,
    typed_columns,
)

__all__ = ["FileOpener", "read_plain"]

FileOpener: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file from its beginning."""


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
    quick, scan = QuickScan(header, start), PlainScan(header, start)
    if not scan.is_plain:
        return None

    def look() -> None:
        check(quick.look)
        if not quick.may_do:
            check(scan.look)

    with ThreadPoolExecutor(1) as pool:
        looked = pool.submit(look)
        frame = _parse(header, start, open_file)
        looked.result()
    if frame is None or frame.empty:
        return None
    n_missing = [int(column.isna().sum()) for _, column in frame.items()]
    found = None
    if any(n_missing) and (quick.may_do or not scan.has_quotes):
        found = count_missing(header, start, open_file())
    # A row that is too short lacks its last value; `found` says that there is none.
    if quick.explains(frame) and (not n_missing[-1] or found is not None):
        scan = quick
    else:
        if quick.may_do:
            check(scan.look)
        # Rows beyond the first that are longer than it are an error of pandas, so that none is shorter.
        if not scan.is_plain or scan.n_delimiters != (len(header.names) - 1) * len(frame):
            return None
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

    def doubtful(index: int, column: pd.Series) -> bool:
        if n_missing[index] and (found is None or n_missing[index] != found.totals[index]):
            return True
        return _may_tell_more(column, scan)

    def known_words(index: int) -> dict[str, int]:
        return found.words[index] if found and n_missing[index] else {}

    return typed_columns(read, header, doubtful=doubtful, known_words=known_words)


def _parse(header: Header, start: int, open_file: FileOpener) -> pd.DataFrame | None:
    """Let pandas read all columns; None where it cannot, or rows are longer than the header."""
    # Reading in pieces is faster, but finds types piece by piece; where they differ, it begins again.
    for low_memory in (True, False):
        try:
            with (
                open_file() as content,
                filtered_warnings(pd.errors.DtypeWarning),
                filtered_warnings(pd.errors.ParserWarning, "error"),
            ):
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
        return _is_large(column)
    return pd.api.types.is_object_dtype(column.dtype)


def _may_tell_more(column: pd.Series, scan: PlainScan | QuickScan) -> bool:
    """Tell whether the text of a column may say more than its numbers do."""
    dtype = column.dtype
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return False
    if pd.api.types.is_integer_dtype(dtype):
        return scan.has_codes or scan.has_plus
    if scan.has_codes and bool((column == column.round()).any()):  # codes are whole numbers
        return True
    if _is_large(column):
        return True
    sizes = (2 * MOST_CLASSES, N_SAMPLED, len(column))  # most columns tell at once
    return all(column.iloc[:size].nunique() <= MOST_CLASSES for size in sizes)


def _is_large(column: pd.Series) -> bool:
    """Tell whether a float beyond which not every whole number is one is in a column."""
    values = column.to_numpy()
    return bool(np.fmax.reduce(values) > EXACT or np.fmin.reduce(values) < -EXACT)
