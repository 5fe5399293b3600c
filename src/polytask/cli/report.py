"""``polytask report``: what a saved model is worth, as a page."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, app
from polytask.cli.reports import check_page
from polytask.cli.terminal import show
from polytask.core.files import rehearse_write, user_path
from polytask.models.bundle_pages import REPORT, write_beside

__all__ = ["report"]


@app.command(cls=SpokenCommand)
def report(
    model: Annotated[
        Path, typer.Argument(help="A directory made by fit, learn or adapt.", autocompletion=models)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The HTML file (report.html in the model).", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a saved model: one HTML file, without a network.

    [bold]Example[/bold]

      polytask report penguins -o penguins.html
    """
    from polytask.models.model_record import ModelRecord
    from polytask.report.model_report import model_page
    from polytask.report.page import rehearse_report, write_page

    rehearse_report()
    if output is not None:
        check_page(output, "A report", (".html", ".htm"), model=model)
        rehearse_write(user_path(output))
    page = model_page(ModelRecord.read(model))
    path = write_beside(model, REPORT, page.render()) if output is None else write_page(page, output)
    show(
        {"model": str(model), "report": str(path), "headline": page.headline},
        as_json=as_json,
        lines=[page.headline, f"Report written to {path}."],
    )
