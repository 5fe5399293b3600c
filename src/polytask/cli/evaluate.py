"""``polytask evaluate``: a saved model on new rows with labels."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.config_file import command_line
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, app
from polytask.cli.reports import ReportFile, check_reports, write_report_file
from polytask.cli.tables import Csv, frame_lines, frame_summary, table_model
from polytask.cli.terminal import show
from polytask.core.files import user_path

__all__ = ["evaluate"]


@app.command(cls=SpokenCommand)
def evaluate(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(help="A directory made by fit.", autocompletion=models)],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A CSV or Parquet table with labels, or a folder of Parquet files."
        ),
    ],
    output: Csv = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Measure a model's predictions for rows of a table that have labels.

    [bold]Example[/bold]

      polytask evaluate penguins new.csv
    """
    check_reports(report, model=model)
    loaded = table_model(model, data=data, output=output)
    metrics = loaded.evaluate(user_path(data))
    lines = frame_lines(metrics, output=output)
    if report is not None:
        from polytask.report.evaluate_report import evaluation_page

        record, run = replace(loaded.record(), source=str(model)), command_line(ctx)
        page = evaluation_page(metrics, record, table=str(data), command=run)
        lines = [*lines, *write_report_file(lambda: page, report)]
    show({"model": str(model), "targets": frame_summary(metrics)}, as_json=as_json, lines=lines)
