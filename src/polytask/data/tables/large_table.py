"""Tables that are read piece by piece, as they may not fit in memory: Parquet files, and frames in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.data.tables.table import clean_frame, plain_frame, read_table
from polytask.data.tables.table_file import (
    check_same_columns,
    check_same_types,
    join_parquet,
    open_parquet,
    parquet_errors,
)
from polytask.data.tables.table_paths import PARQUET, is_path, table_paths
from polytask.data.tables.typed_columns import MISSING_WORDS

__all__ = ["LARGE_ROWS", "FrameTable", "LargeTable", "ParquetTable", "open_table", "table_pieces", "words_of"]

LARGE_ROWS = 1_000_000
"""Rows above which a table is read piece by piece, and trained on in another way."""

ROWS_AT_ONCE = 2**16


class LargeTable(ABC):
    """A table that is read piece by piece, as often as one likes.

    Args:
        where: What it is called in messages.
        names: Its columns.
        n_rows: Its rows.
    """

    def __init__(self, where: str, names: Sequence[str], n_rows: int) -> None:
        self.where, self.names, self.n_rows = where, tuple(names), n_rows

    def __len__(self) -> int:
        return self.n_rows

    def pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Give some columns, 65,536 rows at a time and in their order; each piece as `read_table` gives it.

        Columns that the table lacks are left out.
        """
        wanted = [name for name in self.names if name in set(columns)]
        for piece in self._pieces(wanted):
            yield clean_frame(piece, self.where, values=self._raw)

    def rows(self, indices: np.ndarray, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return some rows, given by ascending indices, as `read_table` would return them alone."""
        wanted = [name for name in self.names if columns is None or name in set(columns)]
        return clean_frame(self._rows(indices, wanted), self.where, values=self._raw)

    @abstractmethod
    def _pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Give the pieces as they are stored."""

    @abstractmethod
    def _rows(self, indices: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        """Return some rows as they are stored."""

    _raw = True  # whether missing values are still to be found
    words: Mapping[str, Mapping[str, int]] = {}
    """Words that were read as missing before; see `MISSING_WORDS`."""


class ParquetTable(LargeTable):
    """The rows of one or several Parquet files, one after the other.

    Args:
        paths: The files; the columns are those of the first.

    Raises:
        DataError: One cannot be read, or has other columns.
        MissingPackageError: pyarrow is not installed.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        where = str(paths[0]) if len(paths) == 1 else f"the table of {len(paths)} files from {paths[0]} on"
        names: list[str] = []
        schema: Any = None
        n_rows = 0
        for path in paths:
            with open_parquet(path) as file, parquet_errors(path):
                found = file.schema_arrow.empty_table().to_pandas().columns.tolist()  # without its index
                names = names or found
                check_same_columns(found, names, path, paths[0])
                schema = schema or file.schema_arrow
                check_same_types(file.schema_arrow, schema, path, paths[0])
                n_rows += file.metadata.num_rows
        super().__init__(where, [str(name) for name in names], n_rows)

    def _pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        start = 0
        for path, batches in self._batches(columns):
            with parquet_errors(path):
                frame = batches.to_pandas()[list(columns)]
            frame.index = pd.RangeIndex(start, start + len(frame))
            start += len(frame)
            yield frame

    def _rows(self, indices: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        tables, start = [], 0
        for path, batches in self._batches(columns):
            inside = indices[np.searchsorted(indices, start) :]
            inside = inside[: np.searchsorted(inside, start + batches.num_rows)] - start
            with parquet_errors(path):
                tables.append(batches.take(inside))
            start += batches.num_rows
        return join_parquet(tables, [self.paths[0]] * len(tables))[list(columns)]

    def _batches(self, columns: Sequence[str]) -> Iterator[tuple[Path, Any]]:
        """Give Arrow tables of about so many rows, of one file each."""
        import pyarrow

        for path in self.paths:
            with open_parquet(path) as file:
                waiting: list[Any] = []
                batches = file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns))
                while True:
                    with parquet_errors(path):
                        batch = next(batches, None)
                        waiting += [] if batch is None else [batch]
                        enough = sum(one.num_rows for one in waiting) >= ROWS_AT_ONCE
                        table = pyarrow.Table.from_batches(waiting) if waiting else None
                    if table is not None and (enough or batch is None):  # row groups may be small
                        waiting = []
                        yield path, table
                    if batch is None:
                        break
            pyarrow.default_memory_pool().release_unused()  # it would keep some 100 MB


class FrameTable(LargeTable):
    """The rows of a data frame in memory.

    Args:
        frame: The frame, which is not copied.
        raw: Whether words that stand for missing values are still in it.
    """

    def __init__(self, frame: pd.DataFrame, *, raw: bool = True) -> None:
        clean_frame(frame.iloc[:1].copy(), "The data frame")  # its names
        self.frame = frame
        self._raw = raw
        self.words = frame.attrs.get(MISSING_WORDS, {})
        super().__init__("the data frame", [str(name) for name in frame.columns], len(frame))

    def _pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        places = [self.names.index(name) for name in columns]
        for start in range(0, self.n_rows, ROWS_AT_ONCE):
            piece = self.frame.iloc[start : start + ROWS_AT_ONCE, places].copy()
            piece.attrs = {}
            yield piece

    def _rows(self, indices: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        return self.frame.iloc[indices, [self.names.index(name) for name in columns]].copy()


def open_table(source: Any) -> pd.DataFrame | LargeTable:
    """Read a table of at most a million rows as `read_table` does; return another to be read in pieces.

    Text is read at once in either case, as its columns are what all of their rows make them.
    """
    if is_path(source):
        paths = table_paths(source)
        if all(path.name.lower().endswith(PARQUET) for path in paths):
            table = ParquetTable(paths)
            if table.n_rows > LARGE_ROWS:
                return table
        frame = read_table(source)
        return FrameTable(frame, raw=False) if len(frame) > LARGE_ROWS else frame
    if isinstance(source, pd.DataFrame) and len(source) > LARGE_ROWS:
        return FrameTable(source)
    frame = plain_frame(source)
    return FrameTable(frame) if len(frame) > LARGE_ROWS else clean_frame(frame, "The data frame")


def table_pieces(table: pd.DataFrame | LargeTable, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Give a table of `open_table` piece by piece: all columns of one in memory, those of use of another.

    Args:
        table: The table.
        columns: What is of use.
    """
    if isinstance(table, pd.DataFrame):
        yield table
    elif set(columns) & set(table.names):
        yield from table.pieces(columns)
    else:  # so that it can be told
        yield pd.DataFrame(columns=pd.Index(table.names, dtype=object))


def words_of(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the words of a piece that were read as missing: by column, with their rows."""
    return frame.attrs.get(MISSING_WORDS, {})
