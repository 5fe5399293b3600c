"""Examples in tables: texts, names of files, encoded images, or numbers, with labels beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_string_dtype

from polytask.core import DataError
from polytask.core.files import user_path
from polytask.core.names import counted
from polytask.data.examples.column_forms import cells, encoded
from polytask.data.examples.columns import Columns, choose_columns
from polytask.data.examples.decoding import Read, decode, is_file
from polytask.data.examples.examples import Examples
from polytask.data.examples.json_rows import JSON, read_json_rows
from polytask.data.examples.labels import read_labels
from polytask.data.examples.naming import named
from polytask.data.examples.request import Request
from polytask.data.examples.texts import checked_texts
from polytask.data.examples.vectors import vectors_of_columns, vectors_of_rows
from polytask.data.images.picture import printable
from polytask.data.tables.cell import NUMERIC, spell
from polytask.data.tables.problems import examples
from polytask.data.tables.table_file import parquet_errors, read_parquet_file, read_written_file
from polytask.data.tables.table_paths import PARQUET, TEXT

__all__ = ["TABLES", "holds_column", "read_frame", "read_table_file"]

TABLES = (*TEXT, *PARQUET, *JSON)
"""How the name of a file with a table ends, in lower case."""


def read_table_file(path: Path, request: Request) -> Examples:
    """Read the examples of a table in a file; names of files in it are relative to its folder.

    Raises:
        InputError: A column that was named is not there.
        DataError: The table cannot be read, columns cannot be told apart, or an example cannot be used.
        MissingPackageError: A package that reads it is not installed.
    """
    name = path.name.lower()
    if name.endswith(JSON):
        frame = read_json_rows(path)
    elif name.endswith(PARQUET):
        frame = read_parquet_file(path)
        with parquet_errors(path):  # texts are decoded only now
            frame = frame.astype(
                {name: object for name, dtype in frame.dtypes.items() if is_string_dtype(dtype)}
            )
    else:
        frame = read_written_file(path)
    return read_frame(frame, printable(path), path.parent, request)


def read_frame(frame: pd.DataFrame, where: str, folder: Path, request: Request) -> Examples:
    """Read the examples of a table in memory.

    Args:
        frame: The table.
        where: Names it in messages.
        folder: Where names of files in it begin.
        request: What the caller asks.

    Raises:
        InputError: A column that was named is not there.
        DataError: Columns cannot be told apart, or an example cannot be used.
        MissingPackageError: A package that reads files is not installed.
    """
    frame = _checked(frame, where)
    columns = choose_columns(frame, where, request)
    rows, skipped = _labelled_rows(frame, columns.label, where, request)
    if skipped:
        frame = frame.iloc[list(rows)]
    labels, notes = None, skipped

    def called(index: int) -> str:
        return f"row {rows[index] + 1}"

    if columns.label is not None:
        labels, found = read_labels(cells(frame[columns.label]), called, where=where)
        notes = [*skipped, *found]
    read, index = _items(frame, columns, where, folder, request, called)
    return Examples(
        kind=columns.kind,
        items=tuple(read.items),
        labels=None if labels is None else tuple(labels[row] for row in read.kept),
        index=index[read.kept],
        messages=(*columns.messages, *read.messages, *notes),
        origin={
            "source": "table",
            "kind": columns.kind,
            "item_column": columns.item,
            "label_column": columns.label,
            "features": list(columns.features) or None,
        },
        table=frame.iloc[read.kept],
    )


def _labelled_rows(
    frame: pd.DataFrame, label: str | None, where: str, request: Request
) -> tuple[Sequence[int], list[str]]:
    """Return the rows that are read, and a message if others are left out as they have no label."""
    every = range(len(frame))
    if label is None or not request.skip_unlabelled:
        return every, []
    given = cells(frame[label])
    rows = [row for row in every if given[row] is not None and str(given[row]).strip()]
    if not rows:
        raise DataError(f"{where}: no row has a label yet. Fill in the column {label!r} first.")
    without = len(frame) - len(rows)
    return rows, [f"Left out: {counted(without, 'row')} without a label."] * bool(without)


def _items(
    frame: pd.DataFrame,
    columns: Columns,
    where: str,
    folder: Path,
    request: Request,
    called: Callable[[int], str],
) -> tuple[Read, pd.Index]:
    """Return the examples of the rows, and how every row is called."""
    if columns.item is None:
        vectors = vectors_of_columns(frame, columns.features, called, where)
        return _all(vectors), frame.index
    values = cells(frame[columns.item])
    in_files = columns.form.endswith(" files") and columns.kind == columns.form.removesuffix(" files")
    if in_files or (columns.form == "texts" and columns.kind in ("image", "sound")):
        return _of_files(values, columns, where, folder, request, called)
    if columns.kind == "text":
        texts = [spell(value) if isinstance(value, NUMERIC) else value for value in values]
        return _all(checked_texts(texts, called, labelled=request.labelled, where=where)), frame.index
    _refuse_gaps(values, columns, where, called)
    values = [encoded(value) for value in values]
    if columns.kind == "vector":
        return _all(vectors_of_rows(values, called, where)), frame.index
    read = decode(values, columns.kind, leave_out=request.labelled, called=called)
    return read, frame.index


def _of_files(
    values: list[Any],
    columns: Columns,
    where: str,
    folder: Path,
    request: Request,
    called: Callable[[int], str],
) -> tuple[Read, pd.Index]:
    _refuse_gaps(values, columns, where, called)
    names = [str(value).strip() for value in values]
    files = [folder / user_path(name) for name in names]
    missing = [index for index, file in enumerate(files) if not is_file(file)]
    if missing:
        raise DataError(
            f"{where}: there is no file for {counted(len(missing), 'row')} of {len(files)}: "
            f"{named(missing, lambda index: f'{called(index)} ({names[index]})', most=5)}. Names of files "
            f"are taken from {printable(folder.absolute())}; correct them, or leave the "
            'rows out. If they are texts, say `kind="text"`.'
        )
    read = decode(files, columns.kind, leave_out=request.labelled, called=names.__getitem__)
    if columns.kind == "text":
        kept_names = [names[index] for index in read.kept]
        checked_texts(read.items, kept_names.__getitem__, labelled=request.labelled, where=where)
    return read, pd.Index([printable(name) for name in names], name="file", dtype=object)


def _refuse_gaps(values: list[Any], columns: Columns, where: str, called: Callable[[int], str]) -> None:
    gaps = [index for index, value in enumerate(values) if value is None or value == ""]
    if gaps:
        raise DataError(
            f"{where}: column {columns.item!r} is empty in {named(gaps, called)}. Name "
            f"the {columns.kind} there, or leave the row out."
        )


def _all(items: list[Any]) -> Read:
    return Read(items=items, kept=list(range(len(items))), messages=[])


def _checked(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table with texts as the names of its columns, which must differ."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{where} has several levels of column names; join them into one.")
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    repeated = frame.columns[frame.columns.duplicated()].unique().tolist()
    if repeated:
        raise DataError(f"{where}: several columns are named {examples(repeated)}; give each its own name.")
    if not len(frame.columns) or not len(frame):
        raise DataError(f"{where} has no rows. Add an example for each row.")
    return frame


def holds_column(path: Path, name: str | None) -> bool:
    """Tell whether the first line of a text file has this name of a column."""
    if name is None:
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as text:
            first = text.readline(2**16)
    except OSError:
        return False
    return name in [part.strip().strip('"') for delimiter in ",;\t|" for part in first.split(delimiter)]
