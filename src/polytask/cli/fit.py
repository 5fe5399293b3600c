"""``polytask fit``: several columns of a table."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.architectures import architecture_names
from polytask.cli.by_target import class_weights, names, numbers
from polytask.cli.completion import architectures, balancers, precisions, targets
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.dry_run import DryRun, show_planned_fit
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import (
    Accelerator,
    Json,
    ModelDirectory,
    Number,
    Quiet,
    ResumeFolder,
    Seed,
    Whole,
    app,
    given,
    more,
)
from polytask.cli.reports import ReportWanted, reports_possible, write_pages
from polytask.cli.terminal import show_trained
from polytask.core.files import user_path

__all__ = ["fit"]


@app.command(cls=SpokenCommand)
def fit(
    ctx: typer.Context,
    table: Annotated[Path, typer.Argument(help="A CSV or Parquet file, or a folder of Parquet files.")],
    target: Annotated[
        list[str],
        typer.Option(
            help="A column to predict, as NAME or NAME:KIND (regression, log, binary, multiclass). "
            "Repeat it.",
            autocompletion=targets,
        ),
    ],
    output: ModelDirectory,
    group: Annotated[
        str | None, typer.Option(help="Rows sharing a value of this column are never split.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Train on earlier rows of this column, judge by later ones.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(help="A column of numbers: how much each row counts in training.")
    ] = None,
    fold_column: Annotated[
        str | None, typer.Option(help="Rows sharing a value of this column are a fold, instead of --folds.")
    ] = None,
    task_column: Annotated[
        str | None,
        typer.Option(
            help="Tells the task of a row: a shop, a patient, a school. New ones are learned from few rows: "
            "polytask adapt."
        ),
    ] = None,
    text_encoder: Annotated[
        str | None,
        more("Reads columns of text: minilm, minilm-3-layers (if fetched by polytask models), hashed-text."),
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column not to be used. Repeat it.")] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="Targets that are trained together, as 'a,b;c': networks for a and b, others for c; auto "
            "for the groups that polytask relate finds.",
            show_default=False,
        ),
    ] = None,
    architecture: Annotated[
        str,
        typer.Option(
            help="How the targets share: hard is one network; tabm an ensemble in one.",
            metavar="|".join(architecture_names()),
            autocompletion=architectures,
        ),
    ] = "hard",
    balancing: Annotated[
        str,
        typer.Option(
            help="How the targets' losses become one update: a name that `polytask methods` lists.",
            autocompletion=balancers,
        ),
    ] = "equal",
    folds: Annotated[
        int | None,
        typer.Option(
            help="Parts of the rows; each is judged by networks that learned from the others "
            "(5; 3 above 20,000 labelled rows)."
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(help="How often rows are dealt into folds anew: more networks, steadier figures."),
    ] = 1,
    baselines: Annotated[bool, typer.Option(help="Compare with a separate model for each target.")] = True,
    class_weight: Annotated[
        list[str] | None,
        typer.Option(
            help="What an error on a class costs: balanced, NAME=balanced or NAME:CLASS=NUMBER. Repeat it. "
            "Answers follow it; probabilities stay those of the table."
        ),
    ] = None,
    target_weight: Annotated[
        list[str] | None,
        typer.Option(help="How much a target counts in the common loss: NAME=NUMBER (1). Repeat it."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="The metric that judges a target: NAME=METRIC, as paid=auroc. Repeat it."),
    ] = None,
    task_sampling: Annotated[
        str | None,
        typer.Option(
            help="How often tasks of a task column are drawn for batches, or else how much targets count; "
            "without it every row once an epoch, and targets alike.",
            metavar="proportional|temperature|round-robin|loss|progress",
        ),
    ] = None,
    sampling_temperature: Annotated[
        float | None,
        more("Of the task sampling temperature: labels to the power of one over it (5)."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows at most.")] = 200,
    width: Annotated[int, typer.Option(help="Units of each layer.")] = 64,
    depth: Annotated[int, typer.Option(help="Layers of the trunk.")] = 2,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 3e-3,
    time_budget: Annotated[
        Number, typer.Option(help="Seconds after which training stops with what is best so far.")
    ] = None,
    heads: Annotated[
        str | None, more("own, or shared: one head for all targets of a kind (as the architecture has it).")
    ] = None,
    batch_size: Annotated[Whole, more("Rows a step (a number that fits the table).")] = None,
    dropout: Annotated[Number, more("Probability of dropping a unit (0.1).")] = None,
    patience: Annotated[Whole, more("A target stops after so many epochs without a lower loss (30).")] = None,
    weight_decay: Annotated[Number, more("Of AdamW (0.01).")] = None,
    bins: Annotated[Whole, more("Bins of a number at most, of --architecture hard (48); 0 for none.")] = None,
    members: Annotated[Whole, more("Networks of --architecture tabm (16).")] = None,
    soft_strength: Annotated[Number, more("Pull of --architecture soft and trace-norm (0.01).")] = None,
    precision: Annotated[
        str | None, more("32-true, 64-true, bf16-mixed or bf16-true (32-true).", complete=precisions)
    ] = None,
    report: ReportWanted = True,
    resume_folder: ResumeFolder = None,
    accelerator: Accelerator = "cpu",
    seed: Seed = 0,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one model of several columns of a table, and compare it with separate models.

    [bold]Examples[/bold]

      polytask fit penguins.csv --target species --target sex --target body_mass_g:regression -o penguins

      polytask fit visits.parquet --target cost --target paid --group site --architecture soft -o visits

      polytask fit pupils.csv --target score --task-column school -o schools

      polytask fit visits.csv --target cost --target paid --target score --groups "cost,paid;score" -o visits
    """
    from polytask.estimators import fit as fit_model
    from polytask.estimators.fit_table import plan
    from polytask.models import TableModel, TaskTableModel
    from polytask.models.bundle_folder import check_destination
    from polytask.models.task_table_results import TaskTableResults
    from polytask.report.console import fit_table
    from polytask.report.task_console import task_table

    kind = TableModel.kind if task_column is None else TaskTableModel.kind
    check_destination(output, resume=resume_folder, kind=kind)
    settings = {
        "group": group, "time_column": time, "weight_column": weight, "fold_column": fold_column,
        "task_column": task_column, "drop": drop or (), "groups": groups, "folds": folds,
        "repeats": repeats, "baselines": baselines, "seed": seed, "resume_folder": resume_folder,
        "accelerator": accelerator, "architecture": architecture, "balancing": balancing, "epochs": epochs,
        "width": width, "depth": depth, "learning_rate": learning_rate, "time_budget": time_budget,
        "class_weights": class_weights(class_weight or (), target),
        "target_weights": numbers("--target-weight", target_weight or ()),
        "metrics": names("--metric", metric or (), "METRIC"),
    }  # fmt: skip
    settings |= given(
        text_encoder=text_encoder,
        heads=heads,
        batch_size=batch_size,
        dropout=dropout,
        patience=patience,
        weight_decay=weight_decay,
        bins=bins,
        members=members,
        soft_strength=soft_strength,
        task_sampling=task_sampling,
        sampling_temperature=sampling_temperature,
        precision=precision,
    )
    if dry_run:
        show_planned_fit(plan(user_path(table), target, **settings), output=output, as_json=as_json)
        return
    reported = reports_possible(wanted=report)
    model = fit_model(user_path(table), target, progress=False if quiet or as_json else None, **settings)
    if not report:  # what it would show is not kept either
        model.details = None
    model.save(output, files={CONFIG_FILE: run_text(ctx)})
    pages = write_pages(output, report=reported)
    results = model.results
    if results is None:  # a fresh fit always has them
        return
    shown = task_table(results) if isinstance(results, TaskTableResults) else fit_table(results)
    show_trained(results, shown, output=output, as_json=as_json, more=pages)
