"""``polytask learn``: how to learn new classes from few images, and new tasks from few rows."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Group

from polytask.cli.completion import learners, sources
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.dry_run import DryRun, show_planned_adapting, show_planned_learning, show_planned_tasks
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
from polytask.cli.terminal import show, show_trained
from polytask.core import InputError
from polytask.core.files import user_path

__all__ = ["learn"]


@app.command(cls=SpokenCommand)
def learn(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="glyphs, omniglot, or a folder with one folder of images per class; examples of another "
            "kind, as adapt takes them; with --task-column a table.",
            autocompletion=sources,
        ),
    ],
    output: ModelDirectory,
    way: Annotated[
        int | None, typer.Option(help="Of images: classes of a new task (5).", show_default=False)
    ] = None,
    shot: Annotated[
        int | None, typer.Option(help="Of images: labelled examples of each class (1).", show_default=False)
    ] = None,
    task_column: Annotated[
        str | None, typer.Option(help="Of a table: the column that tells which task a row belongs to.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a table with tasks: the column of numbers or classes to predict. Repeat it for several."
        ),
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(
            help="The method. Of images one that polytask methods lists (varied-prototypes); of a table with "
            "tasks mixed, cnp, np, anp, convcnp, tnp, pfn or, with --own-classes, logistic (auto). auto "
            "tries some, and held-out classes or tasks choose.",
            autocompletion=learners,
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="text, sound, vector or image: known classes are encoded by a frozen encoder, as adapt "
            "does. Images without it train a network of pixels."
        ),
    ] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Of a table of examples: the column of texts or files.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Of a table of examples: the column of labels.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What turns examples into numbers; the best here if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Training steps; the learner's own default if left out.")
    ] = None,
    test_episodes: Annotated[
        int | None,
        typer.Option(
            "--test-episodes",
            "--episodes",
            help="Of images: held-out episodes for the evaluation (600).",
            show_default=False,
        ),
    ] = None,
    size: Annotated[Whole, more("Height and width of the images (28).")] = None,
    width: Annotated[
        Whole, more("Channels of each layer (32); of networks of rows their width (64).")
    ] = None,
    drop: Annotated[
        list[str] | None, more("Of a table with tasks: a column that is not used; may be repeated.")
    ] = None,
    own_classes: Annotated[
        bool,
        more(
            "Of a table with tasks: each task has classes of its own, whose names mean nothing to others.",
            "--own-classes",
        ),
    ] = False,
    most_classes: Annotated[
        Whole, more("Of a task of classes; networks are built for as many (as there are, up to 10).")
    ] = None,
    train_way: Annotated[Whole, more("Classes of a training episode (the learner's own).")] = None,
    n_query: Annotated[Whole, more("Queries of each class in a training episode (5).")] = None,
    episodes_per_step: Annotated[
        Whole, more("Episodes a step (the learner's own).", "--episodes-per-step")
    ] = None,
    learning_rate: Annotated[Number, more("Of Adam (0.002; of networks of rows 0.001).")] = None,
    batch_size: Annotated[
        Whole, more("Images a step, where all known classes are learned first (64).")
    ] = None,
    inner_rate: Annotated[Number, more("Of learners by gradients (their own).")] = None,
    inner_steps: Annotated[Whole, more("Of learners by gradients (their own).")] = None,
    channels: Annotated[
        Whole, more("1 to read a folder's images in grey, 3 in colour (3 if one of them has colour).")
    ] = None,
    ground: Annotated[
        Literal["dark", "light"] | None, more("What a folder's images show things on (as most of them do).")
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
    """Learn from many known classes, or many tasks of a table, how to learn new ones from few examples.

    [bold]Examples[/bold]

      polytask learn glyphs --way 5 --shot 1 -o letters

      polytask learn my-images/ --way 3 --shot 5 --learner maml -o quick

      polytask learn requests.csv --item-column text --label-column intent -o intents

      polytask learn sales.csv --task-column shop --target sold -o shops
    """
    settings = given(
        kind=kind,
        item_column=item_column,
        label_column=label_column,
        encoder=encoder,
        way=way,
        shot=shot,
        task_column=task_column,
        target=target or None,
        learner=learner,
        n_episodes=test_episodes,
        resume_folder=resume_folder,
        accelerator=accelerator if accelerator != "cpu" else None,
        seed=seed,
        steps=steps,
        size=size,
        channels=channels,
        ground=ground,
        width=width,
        drop=drop or None,
        own_classes=own_classes or None,
        most_classes=most_classes,
        train_way=train_way,
        n_query=n_query,
        episodes=episodes_per_step,
        learning_rate=learning_rate,
        batch_size=batch_size,
        inner_rate=inner_rate,
        inner_steps=inner_steps,
    )
    from polytask.estimators.learn_few_shot import holds_examples

    progress = False if quiet or as_json else None
    if task_column is not None:
        learn_source = _learn_tasks
    elif any((kind, item_column, label_column, encoder)) or holds_examples(source):
        learn_source = _learn_examples
    else:
        learn_source = _learn_images
    learn_source(ctx, source, output, settings, progress, dry_run=dry_run, report=report, as_json=as_json)


def _learn_images(
    ctx: typer.Context,
    source: str,
    output: Path,
    settings: dict[str, Any],
    progress: bool | None,
    *,
    dry_run: bool,
    report: bool,
    as_json: bool,
) -> None:
    from polytask.estimators import learn as learn_model
    from polytask.estimators.planned_learning import plan
    from polytask.models import FewShotModel
    from polytask.models.bundle_folder import check_destination
    from polytask.report.console import few_shot_table, trials_table

    check_destination(output, resume=settings.get("resume_folder"), kind=FewShotModel.kind)
    if dry_run:
        show_planned_learning(plan(source, **settings), output=output, as_json=as_json)
        return
    reported = reports_possible(wanted=report)
    model = learn_model(source, progress=progress, **settings)
    if not report:  # what it would show is not kept either
        model.details = None
    model.save(output, files={CONFIG_FILE: run_text(ctx)})
    pages = write_pages(output, report=reported)
    results = model.results
    if results is None:  # a fresh learner always has them
        return
    table = Group(trials_table(results.trials), few_shot_table([results])) if results.trials else None
    shown = table or few_shot_table([results])
    show_trained(results, shown, output=output, as_json=as_json, more=pages)


def _learn_examples(
    ctx: typer.Context,
    source: str,
    output: Path,
    settings: dict[str, Any],
    progress: bool | None,
    *,
    dry_run: bool,
    report: bool,
    as_json: bool,
) -> None:
    from polytask.estimators import learn as learn_model
    from polytask.estimators.planned_adapting import plan_learning
    from polytask.models import LearnedFeatures
    from polytask.models.bundle_folder import check_destination
    from polytask.report.console import feature_map_table

    check_destination(output, kind=LearnedFeatures.kind)
    if dry_run:
        show_planned_adapting(plan_learning(source, **settings), output=output, as_json=as_json)
        return
    reported = reports_possible(wanted=report)
    model: Any = learn_model(source, progress=progress, **settings)
    model.save(output, files={CONFIG_FILE: run_text(ctx)})
    pages = write_pages(output, report=reported)
    results = model.results
    if results is None:  # a fresh model always has them
        return
    where = f"Written to {output}. Adapt it to new classes: polytask adapt {output} SUPPORT -o DIR"
    summary = {"model": str(output), **results.to_json()}
    show(summary, as_json=as_json, lines=[feature_map_table(results), results.words, where, *pages])


def _learn_tasks(
    ctx: typer.Context,
    source: str,
    output: Path,
    settings: dict[str, Any],
    progress: bool | None,
    *,
    dry_run: bool,
    report: bool,
    as_json: bool,
) -> None:
    from polytask.estimators import learn as learn_model
    from polytask.estimators.planned_learning import plan_tasks
    from polytask.models import InContextModel, TaskTableModel
    from polytask.models.bundle_folder import DESCRIPTION, check_destination
    from polytask.report.console import task_trials_table
    from polytask.report.task_console import task_table

    learner = settings.get("learner", "auto")
    if learner == "auto" and (user_path(output) / DESCRIPTION).is_file():
        raise InputError(
            f"{output} holds a model, but which kind of model 'auto' makes is only known at the end. Choose "
            "another `output`, or name a `learner`."
        )
    kind = {"auto": None, "mixed": TaskTableModel.kind}.get(learner, InContextModel.kind)
    check_destination(output, kind=kind)
    if dry_run:
        show_planned_tasks(plan_tasks(source, **settings), output=output, as_json=as_json)
        return
    reported = reports_possible(wanted=report)
    model = learn_model(source, progress=progress, **settings)
    if not report:  # what it would show is not kept either
        model.details = None
    model.save(output, files={CONFIG_FILE: run_text(ctx)})
    pages = write_pages(output, report=reported)
    if model.results is None:  # a fresh model always has them
        return
    trials = model.results.trials
    shown = task_trials_table(trials) if trials else task_table(model.results)
    show_trained(model.results, shown, output=output, as_json=as_json, more=pages)
