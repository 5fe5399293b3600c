"""``polytask evaluate``: a saved model on new rows with labels."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, app
from polytask.cli.tables import Csv, frame_lines, frame_summary, table_model
from polytask.cli.terminal import show
from polytask.core.files import user_path

__all__ = ["evaluate"]


@app.command(cls=SpokenCommand)
def evaluate(
    model: Annotated[Path, typer.Argument(help="A directory made by fit.", autocompletion=models)],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A CSV or Parquet table with labels, or a folder of Parquet files."
        ),
    ],
    output: Csv = None,
    as_json: Json = False,
) -> None:
    """Measure a model's predictions for rows of a table that have labels.

    [bold]Example[/bold]

      polytask evaluate penguins new.csv
    """
    loaded = table_model(model, data=data, output=output)
    metrics = loaded.evaluate(user_path(data))
    show(
        {"model": str(model), "targets": frame_summary(metrics)},
        as_json=as_json,
        lines=frame_lines(metrics, output=output),
    )
