"""``polytask export``: a saved model's networks for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.tables import table_model
from polytask.cli.terminal import show, working

__all__ = ["export"]


@app.command(cls=SpokenCommand)
def export(
    model: Annotated[Path, typer.Argument(help="A directory made by fit.", autocompletion=models)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .onnx or .pt2 file to write.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a model's networks as ONNX, or as an exported program of PyTorch (.pt2).

    The file takes encoded features and gives predictions in units and probabilities; how columns become
    features stands in a JSON file beside it. It is run once and compared with the model.

    [bold]Example[/bold]

      polytask export penguins -o penguins.onnx
    """
    from polytask.estimators.table_export import check_export

    check_export(output, model=model)
    loaded = table_model(model)
    with working("export: writing networks", quiet=quiet, as_json=as_json):
        written = loaded.export(output)
    beside = written.with_suffix(".json")
    show(
        {"model": str(model), "output": str(written), "preprocessing": str(beside)},
        as_json=as_json,
        lines=[f"Networks written to {written}, what becomes of columns to {beside}."],
    )
