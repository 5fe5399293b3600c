"""``polytask predict``: a saved model's answers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app, given
from polytask.cli.quick_start import quick_imports
from polytask.cli.terminal import show, working
from polytask.core import InputError
from polytask.core.files import user_path

__all__ = ["predict"]


@app.command(cls=SpokenCommand)
def predict(
    model: Annotated[Path, typer.Argument(help="A directory made by fit or adapt.", autocompletion=models)],
    data: Annotated[
        Path,
        typer.Argument(
            help="A CSV or Parquet table, or a folder of Parquet files; for a model of classes, examples "
            "such as it learned from, without labels."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv or .parquet file to write.")],
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Of a table: a column to write in front of the answers. Repeat it."),
    ] = None,
    row_numbers: Annotated[
        bool,
        typer.Option(
            "--row-numbers", help="Of a table: tell the number of each row, from 1, in a first column row."
        ),
    ] = False,
    intervals: Annotated[
        float | None,
        typer.Option(help="Of a table: add intervals or sets that hold this share of the labels, as 0.9."),
    ] = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="With intervals: for the labels of all targets together.")
    ] = False,
    deviation: Annotated[
        bool,
        typer.Option("--deviation", help="Of a model with tasks: add the standard deviation of numbers."),
    ] = False,
    log_density: Annotated[
        bool,
        typer.Option(
            "--log-density",
            help="Of a model with tasks: add the log density of the labels that the table has.",
        ),
    ] = False,
    refuse: Annotated[
        float | None,
        typer.Option(
            help="Of a classifier: which share of known examples may be called none of the classes "
            "(0.05; 0 where every class has one example)."
        ),
    ] = None,
    sets: Annotated[
        float | None,
        typer.Option(help="Of a classifier: add sets of classes that hold this share of the labels, as 0.9."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Of a classifier: add the probability of every class.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict rows of a table, or images, and write the answers.

    [bold]Examples[/bold]

      polytask predict penguins new.csv -o answers.csv

      polytask predict penguins new.csv -o answers.csv --keep id --intervals 0.9

      polytask predict intents new-requests.csv -o answers.csv --keep id --sets 0.9
    """
    with quick_imports():
        from polytask.models.prediction_file import numbered, write_pieces
        from polytask.models.saved import check_output, load

    check_output(output, data=data, model=model)
    loaded: Any = load(model)
    kind: str = loaded.kind  # asking for classes would import those of all other kinds, a tenth of the time
    if kind in ("few-shot", "learned-features"):
        raise InputError(
            f"{model} knows no classes yet. Adapt it first: polytask adapt {model} SUPPORT -o DIR"
        )
    of_tasks = given(deviation=deviation or None, log_density=log_density or None)
    with_tasks = kind in ("task-table", "in-context")
    if of_tasks and not with_tasks:
        named = ", ".join(f"`{name}`" for name in of_tasks)
        raise InputError(
            f"{model} has no tasks; {named} is for models that fit or learn made with --task-column."
        )
    of_classifier = given(refuse=refuse, sets=sets, probabilities=probabilities or None)
    if of_classifier and kind != "few-shot-classifier":
        named = ", ".join(f"`{name}`" for name in of_classifier)
        raise InputError(f"{named} is for classifiers that adapt made of examples, which {model} is not.")
    if with_tasks:
        if joint:
            raise InputError(f"{model} has tasks, whose intervals are of single targets. Leave out `joint`.")
        asked = {"intervals": intervals, "keep": keep or (), "row_numbers": row_numbers, **of_tasks}
        with working("predict", quiet=quiet, as_json=as_json):
            written = loaded.predict_to(user_path(data), output, **asked)
        rows, columns = written.rows, list(written.columns)
    elif kind == "table":
        asked = {"intervals": intervals, "joint": joint, "keep": keep or (), "row_numbers": row_numbers}
        with working("predict", quiet=quiet, as_json=as_json):
            written = loaded.predict_to(user_path(data), output, **asked)
        rows, columns = written.rows, list(written.columns)
    else:
        of_tables = {"intervals": intervals, "joint": joint or None}
        if kind != "few-shot-classifier":
            of_tables |= {"keep": keep, "row_numbers": row_numbers or None}
        if given(**of_tables):
            *first, last = (f"`{name}`" for name in of_tables)
            sets_ = "; `sets` adds sets of classes" if kind == "few-shot-classifier" else ""
            raise InputError(
                f"{model} answers classes; {', '.join(first)} and {last} are for models of tables. Leave "
                f"them out: answers are in the order of the examples{sets_}."
            )
        if keep:
            of_classifier["keep"] = keep
        with working("predict", quiet=quiet, as_json=as_json):
            answers = loaded.predict(user_path(data), **of_classifier)
        write_pieces(numbered([answers]) if row_numbers else iter([answers]), output)
        rows, columns = len(answers), list(answers.columns)
    summary = {"rows": rows, "columns": columns, "output": str(output)}
    n_rows = f"{rows} row{'' if rows == 1 else 's'}"
    show(summary, as_json=as_json, lines=[f"{n_rows} written to {output}."])
