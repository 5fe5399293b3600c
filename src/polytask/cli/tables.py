"""What the commands that show tables have in common: loading a model of one, and layouts."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from polytask.core import InputError
from polytask.core.names import printable

if TYPE_CHECKING:  # `--help` needs no torch
    import pandas as pd
    from rich.console import RenderableType

    from polytask.models import TableModel, TaskTableModel

__all__ = ["Csv", "checked_table", "facts", "frame_lines", "frame_summary", "table_model"]

Csv: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--output", help="A .csv or .parquet file for the figures, too.")
]


def table_model(
    model: Path, *, data: Path | None = None, output: Path | None = None
) -> "TableModel | TaskTableModel":
    """Load the model of a table; before that, see whether figures on data can be written."""
    from polytask.models import load
    from polytask.models.saved import check_output

    if data is not None and output is not None:
        check_output(output, data=data, model=model)
    return checked_table(load(model), model)


def checked_table(
    loaded: Any, model: Path, *, takes: str = "Give a directory that `polytask fit` made."
) -> "TableModel | TaskTableModel":
    """Refuse what is no model of a table; the last sentence says what the command takes."""
    from polytask.models import TableModel, TaskTableModel

    if not isinstance(loaded, TableModel | TaskTableModel):
        raise InputError(f"{model} is no model of a table. {takes}")
    return loaded


def frame_lines(
    frame: "pd.DataFrame", *, output: Path | None, written: "pd.DataFrame | None" = None
) -> list["RenderableType"]:
    """Lay a frame out for the terminal, and write it, or a fuller one, where an output is given."""
    from polytask.models.saved import write_table
    from polytask.report.console import FittingTable

    index = str(frame.index.name)
    rows = [
        [printable(str(name)), *map(_cell, row)]
        for name, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    ]
    table = FittingTable(None, [index, *(printable(str(name)) for name in frame.columns)], rows, lines=False)
    if output is None:
        return [table]
    write_table(frame if written is None else written, output)
    return [table, f"Written to {output}."]


def facts(rows: Iterable[tuple[str, str]]) -> "RenderableType":
    """Lay out what is said of one thing: a name, and a text beside it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(printable(name)), Text(printable(text)))
    return table


def frame_summary(frame: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """Return the rows of a frame as plain JSON; figures that do not belong to a row are left out."""
    return {
        str(name): {
            str(column): value
            for column, value in row.items()
            if not (isinstance(value, float) and math.isnan(value))
        }
        for name, row in frame.to_dict(orient="index").items()
    }


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)
