"""``polytask card``: the model card of a saved model."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, app
from polytask.cli.reports import check_page
from polytask.cli.terminal import show
from polytask.core.files import user_path, write_atomically
from polytask.models.bundle_pages import CARD, sealed, write_beside

__all__ = ["card"]


@app.command(cls=SpokenCommand)
def card(
    model: Annotated[
        Path, typer.Argument(help="A directory made by fit, learn or adapt.", autocompletion=models)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The file (README.md in the model).", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the card of a saved model, as the Hugging Face hub shows it: use, data, figures, limits.

    [bold]Example[/bold]

      polytask card penguins
    """
    from polytask.models.model_card import model_card
    from polytask.models.model_record import ModelRecord

    place = user_path(model)
    text = model_card(ModelRecord.read(model), name=place.resolve().name)
    if output is None:
        path = write_beside(model, CARD, text)
    else:
        check_page(output, "A card", (".md",), model=model)
        path = user_path(output)
        write_atomically(path, lambda file: file.write(sealed(text)))
    show({"model": str(model), "card": str(path)}, as_json=as_json, lines=[f"Card written to {path}."])
