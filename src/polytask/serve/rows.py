"""Rows of tables out of requests: JSON, CSV or Parquet, within their limits."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from polytask.core import PolytaskError
from polytask.data import read_table
from polytask.data.examples.json_rows import frame_of_rows
from polytask.serve.bodies import Body, Part
from polytask.serve.failures import Refused, as_refused
from polytask.serve.parquet import plain_parquet
from polytask.serve.settings import Limits

__all__ = ["checked_file", "frame_of", "json_frame", "read_file"]

_SCALARS = (str, int, float, bool, type(None))


def frame_of(rows: list[dict[str, Any]] | None, body: Body, limits: Limits, folder: Path) -> pd.DataFrame:
    """Return the table that a request holds.

    Args:
        rows: Of its JSON.
        body: Its files.
        limits: How large it may be.
        folder: For files that are removed again.

    Raises:
        Refused: There is none, it is too large, or cannot be read.
    """
    parts = list(body.parts)
    if (rows is None) == (not parts) or len(parts) > 1:
        raise Refused(
            422,
            "The model takes rows of a table: one table a request.",
            where="rows",
            remedy='Send {"rows": [{...}]}, or the table as text/csv.',
        )
    if rows is None:
        return read_part(parts[0], limits, folder)
    return json_frame(rows, limits, where="rows")


def json_frame(rows: list[dict[str, Any]], limits: Limits, *, where: str) -> pd.DataFrame:
    """Return the table that rows of JSON are.

    Args:
        rows: Of the request.
        limits: How large it may be.
        where: The field that they stand in.

    Raises:
        Refused: There are none or too many, or a cell holds something else than a plain value.
    """
    if not 0 < len(rows) <= limits.rows:
        what = f"There are {len(rows):,} rows; 1 to {limits.rows:,} are taken."
        raise Refused(413 if rows else 422, what, where=where, remedy="Send them in parts.")
    if not any(rows):
        raise Refused(
            422, "The rows have no columns.", where=f"{where}[0]", remedy='Write them as {"column": value}.'
        )
    for index, row in enumerate(rows):
        for name, value in row.items():
            if not isinstance(value, _SCALARS):
                raise Refused(
                    422,
                    f"The value of {name[:80]!r} is no number, no text, no truth value and no null.",
                    where=f"{where}[{index}]",
                    remedy="Write one value for each column.",
                )
            if isinstance(value, str) and len(value) > limits.text:
                raise Refused(
                    413,
                    f"The text of {name[:80]!r} has {len(value):,} characters; at most {limits.text:,} are "
                    "taken.",
                    where=f"{where}[{index}]",
                    remedy="Cut it.",
                )
    frame = frame_of_rows(rows)
    _check_columns(len(frame.columns), limits)
    return frame


def read_part(part: Part, limits: Limits, folder: Path) -> pd.DataFrame:
    """Read an uploaded table.

    Raises:
        Refused: It is too large, or cannot be read.
    """
    with checked_file(part, limits, folder, most_rows=limits.rows) as file:
        return read_file(file)


def read_file(file: Path) -> pd.DataFrame:
    """Read a file that the service named itself.

    Raises:
        Refused: It cannot be read; the message does not tell where it lies.
    """
    try:
        return read_table(file)
    except PolytaskError as error:
        refused = as_refused(error, where="file")
        refused.what = refused.what.replace(str(file), "The table")
        refused.remedy = refused.remedy.replace(str(file), "the table")
        raise refused from error


@contextmanager
def checked_file(part: Part, limits: Limits, folder: Path, *, most_rows: int) -> Iterator[Path]:
    """Have the file of a table inside the block, after a look at its size.

    Raises:
        Refused: It is no CSV or Parquet, or has too many rows or columns.
    """
    if part.ending == ".parquet":
        with plain_parquet(part.content, folder, most_rows=most_rows) as plain:
            _check_columns(plain.columns, limits)
            yield plain.file
        return
    if part.ending not in (".csv", ".tsv", ".txt"):
        raise Refused(
            415, "The table is neither CSV nor Parquet.", where="file", remedy="Send a .csv or .parquet file."
        )
    end = b"\n" if b"\n" in part.content else b"\r"
    rows, first = part.content.count(end), part.content.partition(end)[0]
    if rows > most_rows + 1:
        raise Refused(
            413,
            f"The table has about {rows:,} rows; at most {most_rows:,} are taken.",
            where="rows",
            remedy="Send it in parts.",
        )
    _check_columns(1 + max(first.count(separator) for separator in (b",", b";", b"\t", b"|")), limits)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / f"table{part.ending}"
        file.write_bytes(part.content)
        yield file


def _check_columns(count: int, limits: Limits) -> None:
    if count > limits.columns:
        raise Refused(
            413,
            f"The table has {count:,} columns; at most {limits.columns:,} are taken.",
            where="columns",
            remedy="Leave out those that are not needed.",
        )
