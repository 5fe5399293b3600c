"""``polytask relate``: which targets help each other, and how likely joint training pays."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.config_file import command_line
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, Seed, Whole, app, more
from polytask.cli.reports import ReportFile, check_reports, write_report_file
from polytask.cli.terminal import show
from polytask.core.files import user_path

__all__ = ["relate"]

_WIDTH = 70  # letters of a line that is to be typed


@app.command(cls=SpokenCommand)
def relate(
    ctx: typer.Context,
    table: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    target: Annotated[
        list[str],
        typer.Option(
            help="A column to predict, as NAME or NAME:KIND (regression, log, binary, multiclass). Repeat it."
        ),
    ],
    task_column: Annotated[
        str | None,
        typer.Option(help="The rows of each value of this column are a task: schools, shops. One --target."),
    ] = None,
    affinity: Annotated[
        str,
        typer.Option(
            help="What to measure between tasks; auto is transfer, or functions for more than 12 tasks.",
            metavar="auto|transfer|functions|labels|gradients|lookahead",
        ),
    ] = "auto",
    networks: Annotated[
        Whole,
        typer.Option(help="Groups at most (as many as help; 4 for more than 12 tasks).", show_default=False),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Rows sharing a value of this column are never split.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Train on earlier rows of this column, judge by later ones.")
    ] = None,
    weight: Annotated[str | None, more("How much each row counts in training.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column not to be used. Repeat it.")] = None,
    rows: Annotated[
        Whole, more("Labelled rows that are used at most (1,000; 200 a task with --task-column).")
    ] = None,
    folds: Annotated[int, more("Parts of the rows; each is judged by networks of the others (3).")] = 3,
    epochs: Annotated[int, more("Passes over the rows at most (30).")] = 30,
    report: ReportFile = None,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell which targets help each other, which to train together, and how likely that pays.

    [bold]Examples[/bold]

      polytask relate penguins.csv --target species --target sex --target body_mass_g

      polytask relate pupils.csv --target score --task-column school
    """
    from polytask.fitting.target_groups import groups_text
    from polytask.relate import relate as relate_table
    from polytask.report.relate_report import relations_page
    from polytask.report.relations import affinity_lines, relations_table

    check_reports(report)
    found = relate_table(
        user_path(table),
        target,
        task_column=task_column,
        affinity=affinity,
        networks=networks,
        rows=rows,
        folds=folds,
        epochs=epochs,
        group=group,
        time_column=time,
        weight_column=weight,
        drop=drop or (),
        seed=seed,
        progress=False if quiet or as_json else None,
    )
    typed = None
    if len(found.groups) > 1 and task_column is None:
        roles = {"--group": group, "--time": time, "--weight": weight}
        options = [(option, name) for option, name in roles.items() if name is not None]
        options = (
            [("--target", name) for name in target] + options + [("--drop", name) for name in drop or ()]
        )
        typed = _fit_words(table, options, groups_text(found.groups))
    fit = None if typed is None else " ".join(typed)
    lines = [relations_table(found), *affinity_lines(found), found.recommendation]
    lines += [] if typed is None else ["To train these groups:\n" + _broken(typed)]
    lines += write_report_file(
        lambda: relations_page(
            found, command=command_line(ctx), fit=None if typed is None else _broken(typed)
        ),
        report,
    )
    show(found.to_json() | {"fit": fit}, as_json=as_json, lines=lines)


def _fit_words(table: Path, options: Sequence[tuple[str, str]], groups: str) -> list[str]:
    """Return what is typed to train groups, an option with its value in each part."""
    pairs = [*options, ("--groups", groups), ("-o", "model")]
    words = [f"polytask fit {shlex.quote(str(table))}"]
    return words + [f"{option} {shlex.quote(value)}" for option, value in pairs]


def _broken(words: Sequence[str]) -> str:
    """Break a command into lines that a shell joins again: a terminal would break it anywhere."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return " \\\n    ".join(lines)
