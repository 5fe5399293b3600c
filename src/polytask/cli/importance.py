"""``polytask importance``: which columns a saved model needs for which target."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, Seed, app
from polytask.cli.tables import Csv, frame_lines, table_model
from polytask.cli.terminal import show, working
from polytask.core.files import user_path

__all__ = ["importance"]


@app.command(cls=SpokenCommand)
def importance(
    model: Annotated[Path, typer.Argument(help="A directory made by fit.", autocompletion=models)],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A CSV or Parquet table with labels, or a folder of Parquet files."
        ),
    ],
    output: Csv = None,
    n_repeats: Annotated[int, typer.Option(help="How often each column is shuffled.")] = 5,
    sample_rows: Annotated[
        int | None,
        typer.Option(help="So many rows with a label of each target are enough, drawn at random (20000)."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell how much worse each target is predicted when a column is shuffled.

    0: the column is not used. 1: shuffling it costs as much as the constant answer is off.

    [bold]Example[/bold]

      polytask importance penguins new.csv -o importance.csv
    """
    loaded = table_model(model, data=data, output=output)
    with working("importance: shuffling columns", quiet=quiet, as_json=as_json):
        found = loaded.importance(user_path(data), n_repeats=n_repeats, sample_rows=sample_rows, seed=seed)
    targets = list(dict.fromkeys(found.columns.get_level_values("target")))
    means = found[[(target, "importance") for target in targets]].set_axis(targets, axis=1)
    flat = found.set_axis([f"{target}:{statistic}" for target, statistic in found.columns], axis=1)
    columns = {
        str(column): {
            target: {statistic: row[target, statistic] for statistic in ("importance", "spread")}
            for target in targets
        }
        for column, row in found.to_dict(orient="index").items()
    }
    rows = found.attrs["rows"]
    told = f"Measured on {rows['measured']:,} of {rows['table']:,} rows."
    show(
        {"model": str(model), "rows": rows, "columns": columns},
        as_json=as_json,
        lines=[*frame_lines(means, output=output, written=flat), told],
    )
