"""How pandas and pyarrow are asked for the columns of plain delimited text."""

from collections.abc import Collection
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pandas as pd

from polytask.core.quiet import filtered_warnings
from polytask.data.tables.plain_file import PlainFile
from polytask.data.tables.typed_columns import EXACT, MISSING

__all__ = ["arrow_text_type", "is_large", "parse", "parse_texts"]

_UNREADABLE = (ValueError, ArithmeticError, LookupError, pd.errors.ParserWarning)


def parse(
    file: PlainFile, pool: Executor, written: Collection[int] = (), *, in_turn: bool = False
) -> pd.DataFrame | None:
    """Let pandas read all columns; None where it cannot, or rows are longer than the header.

    Args:
        file: The file.
        pool: Threads that look at the columns.
        written: Columns that are text of pyarrow, as they are written; only empty values are missing.
        in_turn: Read it from one end to the other. Otherwise pandas may read several parts at once, and take
            rows for whole at which a part begins, though they end in a delimiter too much.
    """
    columns = range(len(file.header.names))
    options = _options(file)
    if written:
        options["dtype"] = dict.fromkeys(written, arrow_text_type())
        options["na_values"] = {index: [""] if index in written else list(MISSING) for index in columns}
    # Reading in pieces is faster, but finds types piece by piece; where they differ, it begins again.
    frame = None
    for low_memory in (True, False):
        try:
            with (
                filtered_warnings(pd.errors.DtypeWarning),
                filtered_warnings(pd.errors.ParserWarning, "error"),
            ):
                frame = _read(file, options | {"low_memory": low_memory}, in_turn=in_turn)
        except _UNREADABLE:
            return None
        if not any(pool.map(lambda column: _may_be_of_pieces(column[1]), frame.items())):
            return frame
    return frame


def parse_texts(file: PlainFile, columns: list[int], n_rows: int, *, lines_in_values: bool) -> pd.DataFrame:
    """Read columns as text, in which only empty values are missing.

    Args:
        file: The file.
        columns: Which ones, by index.
        n_rows: Rows of the table.
        lines_in_values: Whether a value may have several lines.
    """
    # pyarrow is ten times as fast as pandas.
    texts = _arrow_texts(file, columns, lines_in_values=lines_in_values)
    if texts is not None and len(texts) == n_rows:
        return texts
    options = _options(file) | {"na_values": [""], "usecols": columns, "dtype": str}
    return _read(file, options, in_turn=True)


def arrow_text_type() -> Any:
    """Return the type of text as pyarrow keeps it; None where pandas does not keep it so."""
    try:
        import pyarrow
    except ImportError:
        return None
    return pd.ArrowDtype(pyarrow.string()) if _keeps_arrow() else None


def is_large(column: pd.Series) -> bool:
    """Tell whether a float beyond which not every whole number is one is in a column."""
    values = column.to_numpy()
    return bool(np.fmax.reduce(values) > EXACT or np.fmin.reduce(values) < -EXACT)


def _keeps_arrow() -> bool:
    """Tell whether pandas keeps text as pyarrow does, unless told otherwise."""
    dtype = pd.Series(["text"]).dtype
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"


def _read(file: PlainFile, options: dict[str, Any], *, in_turn: bool) -> pd.DataFrame:
    if file.path is not None and not in_turn and file.header.n_lines == 1:
        # Where it knows the path, pandas may use several threads.
        return pd.read_csv(file.path.absolute(), skiprows=1, compression=None, **options)
    with file.open() as content:
        content.read(file.start)
        return pd.read_csv(content, **options)


def _arrow_texts(file: PlainFile, columns: list[int], *, lines_in_values: bool) -> pd.DataFrame | None:
    """Read columns as text by pyarrow; None where that is not possible."""
    if arrow_text_type() is None:
        return None
    import pyarrow
    from pyarrow import csv

    names = [str(index) for index in range(len(file.header.names))]
    wanted = [str(index) for index in columns]
    text = pd.StringDtype(na_value=np.nan)
    try:
        with file.open() as content:
            content.read(file.start)
            table = csv.read_csv(
                content,
                read_options=csv.ReadOptions(column_names=names),
                parse_options=csv.ParseOptions(
                    delimiter=file.header.delimiter, newlines_in_values=lines_in_values
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


def _options(file: PlainFile) -> dict[str, Any]:
    return {
        "sep": file.header.delimiter,
        "header": None,
        "names": list(range(len(file.header.names))),
        "index_col": False,
        "na_values": list(MISSING),
        "keep_default_na": False,
        "encoding": "utf-8",
    }


def _may_be_of_pieces(column: pd.Series) -> bool:
    """Tell whether pieces of a column may have been of different types."""
    if pd.api.types.is_float_dtype(column.dtype):
        return is_large(column)
    return pd.api.types.is_object_dtype(column.dtype)
