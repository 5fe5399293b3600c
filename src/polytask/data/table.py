"""Tables from files and data frames."""

import gzip
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError, MissingPackageError
from polytask.data.delimited import MISSING, read_delimited
from polytask.data.problems import examples

__all__ = ["fingerprint", "read_table"]

_TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_PARQUET = (".parquet", ".pq")


def read_table(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read a table: text with a header line, Parquet, or a data frame, which is copied.

    The usual spellings of a missing value (nothing, ``?``, ``NA``, ``NaN``, ``null``, ``None`` …) become
    NaN, except in a categorical column of a data frame, which is taken at its word. Column names become text.

    Args:
        source: A path that ends in ``.csv``, ``.tsv``, ``.txt`` (delimited by comma, semicolon, tab or bar;
            ``.gz`` may follow) or ``.parquet``; or a data frame.

    Raises:
        DataError: The file is missing, of another kind, damaged, not UTF-8, or ragged; there is no row; two
            columns have one name.
        MissingPackageError: Parquet needs pyarrow.

    Example:
        >>> read_table(pd.DataFrame({"size": [1, 2], "colour": ["red", "?"]}))
           size colour
        0     1    red
        1     2    NaN
    """
    if isinstance(source, pd.DataFrame):
        return _clean(source.copy(), "The data frame")
    if not isinstance(source, str | Path):
        raise InputError(f"A table is a path or a pandas data frame, not {type(source).__name__}.")
    path = Path(source).expanduser()
    ending = path.name.lower()
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it.")
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path, which is taken from {Path.cwd()}.")
    if ending.endswith(_TEXT):
        return read_delimited(_text(path), str(path))
    if ending.endswith(_PARQUET):
        return _clean(_parquet(path), str(path))
    raise DataError(
        f"{path} has an ending that is not known; a table ends in {', '.join((*_TEXT, *_PARQUET))}. Rename "
        "or convert it."
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
    missing = column.isna().to_numpy(dtype=bool)
    values = column.astype(object).to_numpy()
    texts = [None if absent else str(value) for value, absent in zip(values, missing.tolist(), strict=True)]
    return json.dumps(texts).encode()


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}). Copy or compress it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte {content[error.start]:#04x} is not UTF-8. Save the table as UTF-8 "
            "text."
        ) from error
    if "\0" in text:
        raise DataError(
            f"{path} contains NUL characters, so it is no UTF-8 text. Save the table as UTF-8 text."
        )
    return text


def _parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackageError("pyarrow", extra="parquet", purpose="reading Parquet files") from error
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path} is no Parquet file that can be read ({first}). Write or copy it again."
        ) from error


def _clean(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Check the shape of a data frame, and write every missing value as NaN."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{where} has several levels of column names; join them into one.")
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    repeated = frame.columns[frame.columns.duplicated()].unique().tolist()
    if repeated:
        raise DataError(f"{where}: several columns are named {examples(repeated)}; give each its own name.")
    if not len(frame.columns):
        raise DataError(f"{where} has no columns.")
    if not len(frame):
        raise DataError(f"{where} has columns but no rows; add some.")
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name].dtype) or pd.api.types.is_string_dtype(frame[name].dtype):
            missing = [isinstance(value, str) and value.strip() in MISSING for value in frame[name]]
            if any(missing):
                frame[name] = frame[name].mask(np.array(missing))
    return frame
