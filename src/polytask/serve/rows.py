"""Rows of tables out of requests: JSON, CSV or Parquet, within their limits."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from polytask.core import PolytaskError
from polytask.data import read_table
from polytask.data.examples.json_rows import frame_of_rows
from polytask.models.in_context_model import InContextModel
from polytask.models.task_table_model import TaskTableModel
from polytask.serve.bodies import Body, Part
from polytask.serve.failures import Refused, as_refused
from polytask.serve.parquet import plain_parquet
from polytask.serve.settings import Limits

__all__ = ["check_known", "check_size", "checked_file", "frame_of", "json_frame", "read_file"]

_SCALARS = (str, int, float, bool, type(None))
_MOST_TIMES = 20  # as many tasks, and rows and classes of them, as a request or a classifier may have
_LONGEST_NAME = 200  # of a class


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
    names = set()
    for row in rows:  # before a table is made of them, which has a cell for every row and every name
        names.update(row)
        _check_columns(len(names), limits)
    if not names:
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
                raise _long_text(name, len(value), limits, where=f"{where}[{index}]")
    return frame_of_rows(rows)


def read_part(part: Part, limits: Limits, folder: Path) -> pd.DataFrame:
    """Read an uploaded table.

    Raises:
        Refused: It is too large, or cannot be read.
    """
    with checked_file(part, limits, folder, most_rows=limits.rows) as file:
        frame = read_file(file)
    check_size(frame, limits, most_rows=limits.rows)
    _check_texts(frame, limits)
    return frame


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
    # A line ends with either sign, or with both; some may stand in quotes.
    content = part.content
    rows = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if rows > most_rows + 1:
        raise Refused(
            413,
            f"The table has about {rows:,} rows; at most {most_rows:,} are taken.",
            where="rows",
            remedy="Send it in parts.",
        )
    first = _first_record(content)
    _check_columns(1 + max(first.count(separator) for separator in (b",", b";", b"\t", b"|")), limits)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / f"table{part.ending}"
        file.write_bytes(part.content)
        yield file


def check_size(frame: pd.DataFrame, limits: Limits, *, most_rows: int) -> None:
    """Look at the size of a table that was read: its file may have looked smaller.

    Raises:
        Refused: It has too many rows or columns.
    """
    if len(frame) > most_rows:
        raise Refused(
            413,
            f"The table has about {len(frame):,} rows; at most {most_rows:,} are taken.",
            where="rows",
            remedy="Send it in parts.",
        )
    _check_columns(len(frame.columns), limits)


def check_known(
    before: TaskTableModel | InContextModel,
    after: TaskTableModel | InContextModel,
    limits: Limits,
    *,
    where: str,
) -> None:
    """Look at the size of a model that has learned rows of tasks.

    Args:
        before: The model.
        after: What it would become.
        limits: How large it may be.
        where: The field that the rows stand in.

    Raises:
        Refused: It would know too many tasks, rows or classes, or a new class has a long name.
    """
    most = {"tasks": limits.rows}
    known = {"tasks": len(after.tasks)}
    if isinstance(after, InContextModel):
        most |= {"rows": limits.rows, "classes": limits.classes}
        classes = after.targets[0].classes
        known |= {"rows": len(after.known), "classes": len(classes)}
        new = classes[len(before.targets[0].classes) :]
        if long := [name for name in new if len(name) > _LONGEST_NAME]:
            raise Refused(
                413,
                f"The name of a class has {len(long[0]):,} characters; at most {_LONGEST_NAME:,} are taken.",
                where=where,
                remedy="Cut it.",
            )
    for what, count in known.items():
        if count > (limit := _MOST_TIMES * most[what]):
            raise Refused(
                413,
                f"The model would know {count:,} {what}; at most {limit:,} are taken.",
                where=where,
                remedy="Adapt the model that was there first, to those that are needed.",
            )


def _check_texts(frame: pd.DataFrame, limits: Limits) -> None:
    for name, column in frame.items():
        if is_numeric_dtype(column.dtype) or is_datetime64_any_dtype(column.dtype):
            continue
        for index, value in enumerate(column):
            if isinstance(value, str | bytes) and len(value) > limits.text:
                raise _long_text(str(name), len(value), limits, where=f"rows[{index}]")


def _first_record(content: bytes) -> bytes:
    """Return the line of the names of columns, which goes on where a quoted name has lines."""
    start = at = len(content) - len(content.lstrip(b"\r\n"))
    quotes = 0
    for line in re.finditer(rb"[^\r\n]*[\r\n]?", content):
        if line.end() <= start:
            continue
        at, quotes = line.end(), quotes + line[0].count(b'"')
        if quotes % 2 == 0:
            break
    return content[start:at]


def _long_text(name: str, length: int, limits: Limits, *, where: str) -> Refused:
    return Refused(
        413,
        f"The text of {name[:80]!r} has {length:,} characters; at most {limits.text:,} are taken.",
        where=where,
        remedy="Cut it.",
    )


def _check_columns(count: int, limits: Limits) -> None:
    if count > limits.columns:
        raise Refused(
            413,
            f"The table has {count:,} columns; at most {limits.columns:,} are taken.",
            where="columns",
            remedy="Leave out those that are not needed.",
        )
