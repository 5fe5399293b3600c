"""``polytask label``: which examples a person should label next."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.quick_start import quick_imports
from polytask.cli.terminal import show, working
from polytask.core import InputError
from polytask.core.files import user_path
from polytask.core.names import counted, printable, short_name, text_beginning

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

__all__ = ["label"]

_MOST_SHOWN = 20
_LONGEST_PATH = 60


@app.command(cls=SpokenCommand)
def label(
    model: Annotated[
        Path,
        typer.Argument(help="A directory that adapt made of labelled examples.", autocompletion=models),
    ],
    pool: Annotated[
        Path, typer.Argument(help="Examples without labels, in a form that predict takes: a folder, a table.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The .csv or .parquet file to write, and to fill in.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many examples to choose.")] = 10,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose the examples whose labels would help most, and write a table with an empty column for them.

    Fill in the labels of as many rows as you like, then let the model learn them.

    [bold]Examples[/bold]

      polytask label intents unsorted.csv -n 10 -o to-label.csv

      polytask adapt intents to-label.csv -o intents-2
    """
    with quick_imports():
        from polytask.models import FewShotClassifier, load
        from polytask.models.saved import check_output, write_table

    check_output(output, data=pool, model=model)
    loaded = load(model)
    if not isinstance(loaded, FewShotClassifier):
        raise InputError(
            f"{model} is no classifier of labelled examples. Give a directory that polytask adapt made of "
            "examples alone."
        )
    with working("label: looking at examples", quiet=quiet, as_json=as_json):
        chosen = loaded.suggest(user_path(pool), n)
    written = _from(user_path(output).parent, chosen)
    write_table(written, output)
    column = str(chosen.columns[-1])
    summary = {
        "rows": len(written),
        "columns": list(written.columns),
        "label_column": column,
        "output": str(output),
    }
    lines = [
        f"{counted(len(written), loaded.space.kind)} to label written to {output}. Fill in the column "
        f"{column!r}, then: polytask adapt {model} {output} -o DIR"
    ]
    show(summary, as_json=as_json, lines=[_table(chosen), *lines])


def _table(chosen: "pd.DataFrame") -> "RenderableType":
    """Lay out what is to be labelled: how each begins, or its file, and the class that is proposed."""
    from rich.table import Table
    from rich.text import Text

    *shown, proposal, probability, _ = chosen.columns
    table = Table(box=None, pad_edge=False)
    table.add_column("row" if chosen.index.name != "file" else "file", overflow="fold")
    as_text = len(shown) == 1 and chosen.index.name != "file"
    if as_text:
        table.add_column("begins", overflow="fold")
    table.add_column("perhaps", style="bold", overflow="fold")
    table.add_column("probability", justify="right")
    for index, row in chosen.head(_MOST_SHOWN).iterrows():
        begins = [Text(text_beginning(str(row[shown[0]])))] if as_text else []
        name = Text(short_name(str(index), _LONGEST_PATH))
        table.add_row(name, *begins, Text(printable(str(row[proposal]))), f"{row[probability]:.2f}")
    if len(chosen) > _MOST_SHOWN:
        table.add_row(f"and {len(chosen) - _MOST_SHOWN} more")
    return table


def _from(folder: Path, chosen: "pd.DataFrame") -> "pd.DataFrame":
    """Let names of files begin at the folder of the table."""
    if chosen.index.name != "file":
        return chosen.reset_index(drop=True)
    column = chosen.columns[0]
    paths = [_relative(path, folder) for path in chosen[column]]
    return chosen.reset_index(drop=True).assign(**{column: paths})


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return str(Path(path).absolute())
