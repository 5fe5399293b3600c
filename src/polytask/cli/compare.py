"""``polytask compare``: together or apart, and by which method."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polytask.cli.by_target import names
from polytask.cli.completion import candidates, targets
from polytask.cli.config_file import CONFIG_FILE, Config, command_line, run_text
from polytask.cli.dry_run import DryRun, show_planned_comparison
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, Seed, Whole, app, more
from polytask.cli.reports import ReportWanted, reports_possible, write_report_file
from polytask.cli.spaces import spaces
from polytask.cli.terminal import say, show
from polytask.core.errors import InputError, first_line
from polytask.core.files import user_path
from polytask.models.bundle_pages import REPORT

if TYPE_CHECKING:
    from polytask.compare import Comparison

if TYPE_CHECKING:  # `--help` needs no torch
    from polytask.compare import Comparison, TaskComparison

__all__ = ["compare"]


@app.command(cls=SpokenCommand)
def compare(
    ctx: typer.Context,
    table: Annotated[
        Path, typer.Argument(help="A CSV or Parquet file; with --worker a comparison's folder.")
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="A column to predict, as NAME or NAME:KIND (regression, log, binary, multiclass). "
            "Repeat it.",
            autocompletion=targets,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The comparison's folder; call again with it to go on after a stop."
        ),
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            help="What to compare: constant, linear, random-forest, extra-trees, boosted-trees, single, "
            "joint:hard, joint:mmoe+pcgrad ..., groups, or a path such as lightgbm.LGBMRegressor; with "
            "--task-column also own, pooled, mixed, boosted-trees:task, random-forest:task. Repeat it.",
            autocompletion=candidates,
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="Also compare networks of these groups of targets, as 'a,b;c'.", show_default=False
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(help="A setting of all networks, as epochs=50 or width=32. Repeat it."),
    ] = None,
    folds: Annotated[
        Whole,
        typer.Option(
            help="Parts of the rows; each is judged by models of the others (5, or 3 of many rows).",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="How often rows are dealt into folds anew.")] = 1,
    trials: Annotated[int, typer.Option(help="Settings of which each candidate may choose.")] = 1,
    search: Annotated[
        Whole,
        typer.Option(
            help="So many settings are tried by each candidate, the usual ones first, then others by Optuna.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="Between what --search chooses: CANDIDATE:SETTING=0.1..10, =1..30, =0.001..1:log or =a,b. "
            "Repeat it.",
            show_default=False,
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Rows sharing a value of this column are never split.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Train on earlier rows of this column, test on later ones.")
    ] = None,
    weight: Annotated[str | None, more("How much each row counts in training.")] = None,
    fold_column: Annotated[str | None, more("Rows sharing a value of it are a fold, not --folds.")] = None,
    text_encoder: Annotated[
        str | None,
        more("Reads columns of text: minilm, minilm-3-layers (if fetched by polytask models), hashed-text."),
    ] = None,
    task_column: Annotated[
        str | None,
        typer.Option(
            help="Rows sharing a value of this column are a task (a shop, a patient, a school): one model of "
            "all, of each alone, or of each among all?"
        ),
    ] = None,
    task_rows: Annotated[
        list[str] | None,
        typer.Option(
            help="With --task-column: how many rows of a new task are known, or 'most' for new rows of known "
            "tasks (most, 0, 1, 5, 20). Repeat it."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None, more("The metric that compares on a target: NAME=METRIC. Repeat it.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column not to be used. Repeat it.")] = None,
    workers: Annotated[
        Whole,
        typer.Option(help="Processes on this machine (as many as it has processors).", show_default=False),
    ] = None,
    time_budget: Annotated[
        float | None, typer.Option(help="Seconds after which nothing new is begun.", show_default=False)
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker", help="Help with the comparison whose folder is given.")
    ] = False,
    report: ReportWanted = True,
    seed: Seed = 0,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare joint networks with separate ones and with other methods, and say what to do.

    [bold]Examples[/bold]

      polytask compare penguins.csv --target species --target sex --target body_mass_g -o penguins-compared

      polytask compare pupils.csv --target score --task-column school -o schools-compared

      polytask compare penguins-compared --worker
    """
    from polytask.compare import Comparison, TaskComparison, work_on
    from polytask.compare import compare as compare_table
    from polytask.compare.planned_comparison import plan_comparison

    progress = False if quiet or as_json else None
    found: Comparison | TaskComparison | None
    reported = reports_possible(wanted=report and not dry_run)
    if worker:
        if pointless := _plan_options(ctx):
            raise InputError(f"With --worker the plan is in the folder; leave out {', '.join(pointless)}.")
        found = work_on(user_path(table), workers=workers or 1, time_budget=time_budget, progress=progress)
        if found is None:
            say("note: what is left is being done by others, or waits for them.", style="yellow")
            return
        _show(found, _reported(found, table, None) if reported else [], as_json=as_json)
        return
    if not target or output is None:
        raise InputError(
            "A comparison needs --target and --output; to help with one, give its folder and --worker."
        )
    settings = {
        "candidates": _candidates(candidate, groups), "settings": _network_settings(setting or ()),
        "directory": output, "folds": folds, "repeats": repeats,
        "trials": trials, "search": search, "spaces": spaces(space or ()),
        "group": group, "time_column": time, "weight_column": weight, "drop": drop or (),
        "fold_column": fold_column, "text_encoder": text_encoder,
        "task_column": task_column, "task_rows": task_rows,
        "metrics": names("--metric", metric or (), "METRIC"),
        "seed": seed, "time_budget": time_budget, "workers": workers,
    }  # fmt: skip
    if dry_run:
        planned = plan_comparison(user_path(table), target, **settings)
        show_planned_comparison(planned, output=output, as_json=as_json)
        return
    files = {CONFIG_FILE: run_text(ctx)}
    compared = compare_table(user_path(table), target, progress=progress, files=files, **settings)
    _show(compared, _reported(compared, output, command_line(ctx)) if reported else [], as_json=as_json)


def _candidates(typed: list[str] | None, groups: str | None) -> list[str] | None:
    """Return what is compared; groups that are given come to the others."""
    from polytask.compare.catalogue import DEFAULT_CANDIDATES

    if groups is None:
        return typed or None
    return [*(typed or DEFAULT_CANDIDATES), f"groups:{groups}"]


def _network_settings(typed: Sequence[str]) -> dict[str, Any]:
    """Read settings as they are typed: numbers, and words."""
    found: dict[str, Any] = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise InputError(f"--setting takes NAME=VALUE, such as epochs=50; got {text!r}.")
        try:
            found[name.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.strip().replace("-", "_")] = value.strip()
    return found


def _plan_options(ctx: typer.Context) -> list[str]:
    """Return the options that were typed and are about what is compared, which a folder says itself."""
    ours = {"table", "worker", "workers", "time_budget", "report", "as_json", "quiet"}
    sources = {one: ctx.get_parameter_source(str(one.name)) for one in ctx.command.params}
    return [
        max(one.opts, key=len)
        for one, source in sources.items()
        if one.name not in ours and source is not None and source.name == "COMMANDLINE"
    ]


def _reported(found: "Comparison | TaskComparison", folder: Path, command: str | None) -> list[str]:
    """Write the report into the comparison's folder; what goes wrong is told, as the results are there."""
    from polytask.report.compare_report import page_of_comparison

    path = folder / REPORT
    try:
        return write_report_file(lambda: page_of_comparison(found, command=command), path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the comparison is done
        say(f"note: the comparison is done, but {path} is not written: {first_line(error)}", style="yellow")
        return []


def _show(found: "Comparison | TaskComparison", more: Sequence[str], *, as_json: bool) -> None:
    from polytask.compare import TaskComparison
    from polytask.report.comparison import comparison_table, settings_table
    from polytask.report.task_comparison import task_comparison_table

    lines: list[Any] = []
    if isinstance(found, TaskComparison):
        for known, part in found.parts.items():
            chosen = settings_table(part)
            lines += [task_comparison_table(found, known), *([] if chosen is None else [chosen])]
    else:
        chosen = settings_table(found)
        lines += [comparison_table(found), *([] if chosen is None else [chosen])]
    show(found.to_json(), as_json=as_json, lines=[*lines, found.recommendation, *more])
