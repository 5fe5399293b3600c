"""Tables from files and data frames."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError
from polytask.data.tables.cell import valid_unicode
from polytask.data.tables.problems import FOREIGN, examples
from polytask.data.tables.table_file import read_parquet_file, read_parquet_files, read_text_file
from polytask.data.tables.table_paths import PARQUET, TEXT, is_path, refuse_spreadsheet, table_paths
from polytask.data.tables.typed_columns import MISSING, MISSING_WORDS

__all__ = ["clean_frame", "fingerprint", "plain_frame", "read_table"]

_CONVERSIONS = ("to_pandas", "toPandas", "to_df")  # polars and Arrow; Spark; DuckDB


def read_table(source: Any) -> pd.DataFrame:
    """Read a table: text with a header line, Parquet, or a data frame, which is copied.

    The usual spellings of a missing value (nothing, ``?``, ``NA``, ``NaN``, ``null``, ``None`` …) become
    NaN, except in a categorical column of a data frame, which is taken at its word; which words did is kept
    in the frame's ``attrs``. Column names become text.

    Args:
        source: A path that ends in ``.csv``, ``.tsv``, ``.txt`` (delimited by comma, semicolon, tab or bar;
            ``.gz`` may follow) or ``.parquet``; a folder of Parquet files, a pattern such as
            ``part-*.parquet`` or a list of them, which are one table; a data frame of pandas, or of a
            library whose frames have ``to_pandas`` (polars, Arrow …) or ``to_df`` (DuckDB); a dictionary of
            columns; or an array ``[row, column]``.

    Raises:
        InputError: It is no table.
        DataError: The file is missing, of another kind, damaged, not UTF-8, or ragged, or expands beyond
            its limit or what memory is free; there is no row; two columns have one name.
        MissingPackageError: Parquet needs pyarrow.

    Example:
        >>> read_table(pd.DataFrame({"size": [1, 2], "colour": ["red", "?"]}))
           size colour
        0     1    red
        1     2    NaN
    """
    if not is_path(source):
        return clean_frame(plain_frame(source), "The data frame")
    paths = table_paths(source)
    where, ending = str(paths[0]) if len(paths) == 1 else str(source), paths[0].name.lower()
    if ending.endswith(TEXT):
        return clean_frame(read_text_file(paths[0]), where, values=False)
    if ending.endswith(PARQUET):
        read = read_parquet_file(paths[0]) if len(paths) == 1 else read_parquet_files(paths)
        return clean_frame(read, where)
    refuse_spreadsheet(paths[0])
    raise DataError(
        f"{where} has an ending that is not known; a table ends in {', '.join((*TEXT, *PARQUET))}. Rename or "
        "convert it."
    )


def fingerprint(frame: pd.DataFrame) -> str:
    """Hash a table's column names, types and contents; its index does not count.

    Returns:
        A sha256 in hexadecimal, the same in every process.

    Example:
        >>> table = pd.DataFrame({"x": [1.0, 2.0]})
        >>> fingerprint(table) == fingerprint(table.set_axis([7, 8]))
        True
        >>> fingerprint(table) == fingerprint(table + 1)
        False
    """
    digest = hashlib.sha256(f"{frame.shape}".encode())
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        digest.update(json.dumps([str(name), str(column.dtype)]).encode())
        digest.update(_column_bytes(column))
    return digest.hexdigest()


def _column_bytes(column: pd.Series) -> bytes:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        values = column.to_numpy()
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)  # one NaN of many
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    try:
        values, missing = column.astype(object), np.asarray(column.isna(), dtype=bool)
    except FOREIGN:  # a value that cannot be compared, e.g. a signaling NaN
        values, missing = column.astype(object), np.zeros(len(column), dtype=bool)
    texts = [None if absent else _text(value) for value, absent in zip(values, missing.tolist(), strict=True)]
    return json.dumps(texts).encode()


def _text(value: Any) -> str:
    """Write any object, one that has no text by its type alone."""
    try:
        return hex(value) if isinstance(value, int) and value.bit_length() > 10_000 else str(value)
    except FOREIGN:
        return f"<{type(value).__name__}>"


def plain_frame(source: Any) -> pd.DataFrame:
    """Take a table in memory, of pandas or of another library, as a data frame of our own.

    Nothing in it is changed: words that stand for a missing value are still there.

    Raises:
        InputError: It is no table.
    """
    if isinstance(source, pd.DataFrame):
        frame = pd.DataFrame(source).copy()  # not of a subclass
        frame.attrs = dict(source.attrs)
        return frame
    kind = type(source).__name__
    remedy = "Give a path, a pandas data frame, or what pd.DataFrame(...) makes of it."
    try:
        converts = (getattr(source, name, None) for name in _CONVERSIONS)
        if convert := next(filter(callable, converts), None):
            source = convert()
        elif isinstance(source, Mapping):
            source = pd.DataFrame(dict(source))
        elif not isinstance(source, pd.Series) and hasattr(source, "__array__"):
            values = np.asarray(source)
            source = pd.DataFrame(values) if values.ndim == 2 or values.dtype.names else None
    except (*FOREIGN, ImportError) as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise InputError(f"The {kind} cannot be read as a table ({why}). {remedy}") from error
    if not isinstance(source, pd.DataFrame):
        lazy = next((name for name in ("collect", "compute") if callable(getattr(source, name, None))), None)
        remedy = f"Call its {lazy}() first. {remedy}" if lazy else remedy
        raise InputError(f"A table is a path or a data frame, not {kind}. {remedy}")
    return source.copy()


def clean_frame(frame: pd.DataFrame, where: str, *, values: bool = True) -> pd.DataFrame:
    """Check the shape of a data frame, and write every missing value as NaN, unless its values are done."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{where} has several levels of column names; join them into one.")
    names = [str(name) for name in frame.columns]
    broken = [name for name in names if not valid_unicode(name)]
    if broken:
        raise DataError(
            f"{where}: the column name {broken[0][:80]!a} is not valid Unicode. Give the column another name."
        )
    frame.columns = pd.Index(names, dtype=object)
    repeated = frame.columns[frame.columns.duplicated()].unique().tolist()
    if repeated:
        raise DataError(f"{where}: several columns are named {examples(repeated)}; give each its own name.")
    if not len(frame.columns):
        raise DataError(f"{where} has no columns. Give one that has some, each with a name.")
    if not len(frame):
        raise DataError(f"{where} has columns but no rows; add some.")
    read_before = frame.attrs.get(MISSING_WORDS)
    words = dict(read_before) if isinstance(read_before, dict) else {}
    for name in frame.columns if values else ():
        dtype = frame[name].dtype
        if isinstance(dtype, np.dtype) and not dtype.isnative:  # rows of it cannot be taken
            frame[name] = frame[name].to_numpy().astype(dtype.newbyteorder("="))
        if pd.api.types.is_object_dtype(frame[name].dtype) or pd.api.types.is_string_dtype(frame[name].dtype):
            marks = [
                value.strip() if isinstance(value, str) else None
                for value in frame[name].to_numpy(dtype=object)
            ]
            missing = np.array([mark in MISSING for mark in marks], dtype=bool)
            if missing.any():
                frame[name] = frame[name].mask(missing)
                found = pd.Series([mark for mark in marks if mark and mark in MISSING], dtype=object)
                words[name] = {str(word): int(count) for word, count in found.value_counts().items()}
    frame.attrs = {MISSING_WORDS: {name: counts for name, counts in words.items() if counts}}
    return frame
