"""``polytask evaluate``: a saved model on new rows with labels."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.config_file import command_line
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.quick_start import quick_imports
from polytask.cli.reports import ReportFile, check_reports, write_report_file
from polytask.cli.tables import Csv, checked_table, frame_lines, frame_summary
from polytask.cli.terminal import show, working
from polytask.core.files import user_path

if TYPE_CHECKING:
    from polytask.models import FewShotClassifier, InContextModel, LearnedFeatures

__all__ = ["evaluate"]


@app.command(cls=SpokenCommand)
def evaluate(
    ctx: typer.Context,
    model: Annotated[
        Path, typer.Argument(help="A directory made by fit, learn or adapt.", autocompletion=models)
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="A CSV or Parquet table with labels, or a folder of Parquet files; for a model of learn new "
            "tasks of a table, or labelled examples of new classes; for a classifier of adapt other labelled "
            "examples.",
        ),
    ],
    output: Csv = None,
    report: ReportFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure a model's predictions for rows of a table that have labels; or its learning of new tasks.

    A model that learn made is measured on new tasks, by 0, 1, 5 and 20 of their rows, or on new classes, by 1
    and 5 examples of each. Where learn chose mixed, as after fit --task-column, each row is measured by what
    is known of its task: of a new one nothing, until adapt has taught some of its rows.

    A classifier that adapt made of texts, images, sounds or vectors is measured class by class: its accuracy,
    how many examples it calls none of these, and with what it mistakes them.

    [bold]Examples[/bold]

      polytask evaluate penguins new.csv

      polytask evaluate requests more-requests.csv

      polytask evaluate shops new-shops.csv
    """
    with quick_imports():
        from polytask.models import FewShotClassifier, InContextModel, LearnedFeatures, load
        from polytask.models.saved import check_output

    check_reports(report, model=model)
    if output is not None:
        check_output(output, data=data, model=model)
    loaded = load(model)
    if isinstance(loaded, InContextModel | LearnedFeatures):
        _new_tasks(ctx, loaded, model, data, output=output, report=report, as_json=as_json, quiet=quiet)
        return
    if isinstance(loaded, FewShotClassifier):
        _classes(ctx, loaded, model, data, output=output, report=report, as_json=as_json, quiet=quiet)
        return
    loaded = checked_table(loaded, model, takes=_TAKES)
    with working("evaluate: predicting", quiet=quiet, as_json=as_json):
        metrics = loaded.evaluate(user_path(data))
    lines = frame_lines(metrics, output=output)
    if report is not None:
        from polytask.report.evaluate_report import evaluation_page

        record, run = replace(loaded.record(), source=str(model)), command_line(ctx)
        page = evaluation_page(metrics, record, table=str(data), command=run)
        lines = [*lines, *write_report_file(lambda: page, report)]
    show({"model": str(model), "targets": frame_summary(metrics)}, as_json=as_json, lines=lines)


_TAKES = (
    "Give a model that `polytask fit` made, one that `polytask learn` made of known classes of texts, "
    "sounds, vectors or photos, or of a table with tasks, or a classifier that `polytask adapt` made of them."
)
_MEASURED = {
    "in-context": "Each task counts as new: of its rows so many are known, and others judge; the log density "
    "of labels is higher, the error lower where it is better.",
    "learned-features": "Accuracy of the nearest class mean on new classes, in episodes of so many labelled "
    "examples of each; 95 % intervals over episodes.",
}


def _new_tasks(
    ctx: typer.Context,
    loaded: "InContextModel | LearnedFeatures",
    model: Path,
    data: Path,
    *,
    output: Path | None,
    report: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure how new tasks or new classes are learned."""
    with working("evaluate: learning new tasks", quiet=quiet, as_json=as_json):
        metrics = loaded.evaluate(user_path(data))
    measured = _MEASURED[loaded.kind]
    lines = [measured, *frame_lines(metrics, output=output, written=metrics.reset_index())]
    if report is not None:
        from polytask.report.evaluate_report import new_tasks_page

        record = replace(loaded.record(), source=str(model))
        page = new_tasks_page(metrics, record, measured=measured, table=str(data), command=command_line(ctx))
        lines = [*lines, *write_report_file(lambda: page, report)]
    summary = {str(metrics.index.name): frame_summary(metrics), "measured": measured}
    show({"model": str(model), **summary}, as_json=as_json, lines=lines)


def _classes(
    ctx: typer.Context,
    loaded: "FewShotClassifier",
    model: Path,
    data: Path,
    *,
    output: Path | None,
    report: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure how examples of a classifier's classes are told apart."""
    with working("evaluate: predicting", quiet=quiet, as_json=as_json):
        metrics = loaded.evaluate(user_path(data))
    total = metrics.iloc[0]
    shown = metrics.drop(columns=["log_loss", "calibration_error"])
    told = f"log loss {total['log_loss']:.4g}, calibration error {total['calibration_error']:.4g}"
    lines = [f"Of all: {told}.", *frame_lines(shown, output=output, written=metrics.reset_index())]
    if report is not None:
        from polytask.report.evaluate_report import classes_page

        record = replace(loaded.record(), source=str(model))
        page = classes_page(metrics, record, source=str(data), command=command_line(ctx))
        lines = [*lines, *write_report_file(lambda: page, report)]
    show({"model": str(model), "classes": frame_summary(metrics)}, as_json=as_json, lines=lines)
