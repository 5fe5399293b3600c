"""Write the predictions for a table into a file, some rows at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from polytask.core import InputError, MissingPackageError
from polytask.core.files import user_path, write_atomically

__all__ = ["WrittenPredictions", "check_ending", "numbered", "write_pieces"]

_ROW = "row"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPredictions:
    """What was written.

    Args:
        rows: How many rows.
        columns: Which columns.
    """

    rows: int
    columns: tuple[str, ...]


def write_pieces(pieces: Iterator[pd.DataFrame], path: str | Path) -> WrittenPredictions:
    """Write frames of one form below each other, as CSV or Parquet by the file's ending; whole or not at all.

    Args:
        pieces: One at least.
        path: The file.

    Raises:
        InputError: The ending is neither, or the file cannot be written.
        MissingPackageError: Parquet is asked for without pyarrow.
    """
    target = user_path(path)
    check_ending(target)
    written: list[tuple[int, list[str]]] = []

    def counted() -> Iterator[pd.DataFrame]:
        for piece in pieces:
            written.append((len(piece), [str(name) for name in piece.columns]))
            yield piece

    write = _write_text if target.suffix.lower() == ".csv" else _write_parquet
    write_atomically(target, lambda file: write(counted(), file))
    return WrittenPredictions(rows=sum(rows for rows, _ in written), columns=tuple(written[0][1]))


def numbered(pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Put the number of each row in the table in front of its answers, from 1, as a column ``row``.

    Raises:
        InputError: The answers have such a column.

    Example:
        >>> pieces = [pd.DataFrame({"y": [2.0, 3.0]}), pd.DataFrame({"y": [4.0]})]
        >>> [piece["row"].tolist() for piece in numbered(pieces)]
        [[1, 2], [3]]
    """
    first = 1
    for piece in pieces:
        if _ROW in piece.columns:
            raise InputError(
                f"The answers have a column {_ROW!r} already, in which rows cannot be numbered. Rename that "
                "column of the table, or do without numbers."
            )
        numbers = range(first, first + len(piece))
        yield piece.assign(**{_ROW: numbers})[[_ROW, *piece.columns]]
        first += len(piece)


def check_ending(target: Path) -> None:
    """Refuse a file that is neither CSV nor Parquet by its name.

    Raises:
        InputError: It is neither.
        MissingPackageError: It is Parquet, without pyarrow.
    """
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"The output {target} must end with .csv or .parquet.")
    if target.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401 - only to see whether it is there
        except ImportError as error:
            raise MissingPackageError("pyarrow", extra="parquet", purpose="writing Parquet") from error


def _write_text(pieces: Iterator[pd.DataFrame], file: BinaryIO) -> None:
    for index, piece in enumerate(pieces):
        text = piece.to_csv(index=piece.index.name is not None, header=index == 0)
        file.write(text.encode())


def _write_parquet(pieces: Iterator[pd.DataFrame], file: BinaryIO) -> None:
    import pyarrow
    from pyarrow import parquet

    writer = None
    try:
        for piece in pieces:
            table = pyarrow.Table.from_pandas(piece, preserve_index=None if piece.index.name else False)
            writer = parquet.ParquetWriter(file, table.schema) if writer is None else writer
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()
