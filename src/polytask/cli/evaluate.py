"""``polytask evaluate``: a saved model on new rows with labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    import pandas as pd

    from polytask.models.model_record import ModelRecord
    from polytask.report.page import Page

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
    if not isinstance(loaded, FewShotClassifier | InContextModel | LearnedFeatures):
        loaded = checked_table(loaded, model, takes=_TAKES)
    learns = isinstance(loaded, InContextModel | LearnedFeatures)
    doing = "evaluate: learning new tasks" if learns else "evaluate: predicting"
    with working(doing, quiet=quiet, as_json=as_json):
        metrics = loaded.evaluate(user_path(data))
    if isinstance(loaded, InContextModel | LearnedFeatures):
        told = _new_tasks(metrics, _MEASURED[loaded.kind])
    else:
        told = _classes(metrics) if isinstance(loaded, FewShotClassifier) else _targets(metrics)
    lines = [*told.above, *frame_lines(told.shown, output=output, written=told.written)]
    if report is not None:
        page = told.page(replace(loaded.record(), source=str(model)), str(data), command_line(ctx))
        lines = [*lines, *write_report_file(lambda: page, report)]
    show({"model": str(model), **told.summary}, as_json=as_json, lines=lines)


_TAKES = (
    "Give a model that `polytask fit` made, one that `polytask learn` made of known classes of texts, "
    "sounds, vectors or photos, or of a table with tasks, or a classifier that `polytask adapt` made of them."
)
_OF_ALL = ["log_loss", "calibration_error"]  # figures of all examples together
_MEASURED = {
    "in-context": "Each task counts as new: of its rows so many are known, and others judge; the log density "
    "of labels is higher, the error lower where it is better.",
    "learned-features": "Accuracy of the nearest class mean on new classes, in episodes of so many labelled "
    "examples of each; 95 % intervals over episodes.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """How the figures of a model are told.

    Args:
        shown: The table of the terminal.
        written: That of a file, where it is another one.
        summary: Plain JSON.
        page: The report, of the model, the name of the data, and the command line.
        above: Lines above the table.
    """

    shown: "pd.DataFrame"
    written: "pd.DataFrame | None" = None
    summary: dict[str, Any]
    page: "Callable[[ModelRecord, str, str], Page]"
    above: tuple[str, ...] = ()


def _targets(metrics: "pd.DataFrame") -> _Told:
    """Tell a table's targets."""

    def page(record: "ModelRecord", data: str, command: str) -> "Page":
        from polytask.report.evaluate_report import evaluation_page

        return evaluation_page(metrics, record, table=data, command=command)

    return _Told(shown=metrics, summary={"targets": frame_summary(metrics)}, page=page)


def _new_tasks(metrics: "pd.DataFrame", measured: str) -> _Told:
    """Tell how new tasks or new classes are learned."""

    def page(record: "ModelRecord", data: str, command: str) -> "Page":
        from polytask.report.evaluate_report import new_tasks_page

        return new_tasks_page(metrics, record, measured=measured, table=data, command=command)

    summary = {str(metrics.index.name): frame_summary(metrics), "measured": measured}
    return _Told(shown=metrics, written=metrics.reset_index(), summary=summary, page=page, above=(measured,))


def _classes(metrics: "pd.DataFrame") -> _Told:
    """Tell how examples of a classifier's classes are told apart."""

    def page(record: "ModelRecord", data: str, command: str) -> "Page":
        from polytask.report.evaluate_report import classes_page

        return classes_page(metrics, record, source=data, command=command)

    loss, gap = (metrics[name].iloc[0] for name in _OF_ALL)
    return _Told(
        shown=metrics.drop(columns=_OF_ALL),
        written=metrics.reset_index(),
        summary={"classes": frame_summary(metrics)},
        page=page,
        above=(f"Of all: log loss {loss:.4g}, calibration error {gap:.4g}.",),
    )
