"""``polytask learn``: how to tell new classes apart from few images."""

from typing import Annotated, Literal

import typer
from rich.console import Group

from polytask.cli.completion import learners, sources
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.dry_run import DryRun, show_planned_learning
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
from polytask.cli.terminal import show_trained

__all__ = ["learn"]


@app.command(cls=SpokenCommand)
def learn(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="glyphs, omniglot, or a folder with one folder of images per class.", autocompletion=sources
        ),
    ],
    output: ModelDirectory,
    way: Annotated[int, typer.Option(help="Classes of a new task.")] = 5,
    shot: Annotated[int, typer.Option(help="Labelled examples of each class.")] = 1,
    learner: Annotated[
        str,
        typer.Option(
            help="The method; polytask methods lists all. auto tries some, and validation classes choose.",
            autocompletion=learners,
        ),
    ] = "prototypes",
    steps: Annotated[
        int | None, typer.Option(help="Training steps; the learner's own default if left out.")
    ] = None,
    test_episodes: Annotated[
        int, typer.Option("--test-episodes", "--episodes", help="Held-out episodes for the evaluation.")
    ] = 600,
    size: Annotated[Whole, more("Height and width of the images (28).")] = None,
    width: Annotated[Whole, more("Channels of each layer (32).")] = None,
    train_way: Annotated[Whole, more("Classes of a training episode (the learner's own).")] = None,
    n_query: Annotated[Whole, more("Queries of each class in a training episode (5).")] = None,
    episodes_per_step: Annotated[
        Whole, more("Episodes a step (the learner's own).", "--episodes-per-step")
    ] = None,
    learning_rate: Annotated[Number, more("Of Adam (0.002).")] = None,
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
    resume_folder: ResumeFolder = None,
    accelerator: Accelerator = "cpu",
    seed: Seed = 0,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn from many known classes how to tell new ones apart from few examples.

    [bold]Examples[/bold]

      polytask learn glyphs --way 5 --shot 1 --learner prototypes -o letters

      polytask learn my-images/ --way 3 --shot 5 --learner maml -o quick
    """
    from polytask.estimators import learn as learn_model
    from polytask.estimators.planned_learning import plan
    from polytask.models import FewShotModel
    from polytask.models.bundle_folder import check_destination
    from polytask.report.console import few_shot_table, trials_table

    check_destination(output, resume=resume_folder, kind=FewShotModel.kind)
    settings = given(
        way=way,
        shot=shot,
        learner=learner,
        n_episodes=test_episodes,
        resume_folder=resume_folder,
        accelerator=accelerator,
        seed=seed,
        steps=steps,
        size=size,
        channels=channels,
        ground=ground,
        width=width,
        train_way=train_way,
        n_query=n_query,
        episodes=episodes_per_step,
        learning_rate=learning_rate,
        batch_size=batch_size,
        inner_rate=inner_rate,
        inner_steps=inner_steps,
    )
    if dry_run:
        show_planned_learning(plan(source, **settings), output=output, as_json=as_json)
        return
    model = learn_model(source, progress=False if quiet or as_json else None, **settings)
    model.save(output, files={CONFIG_FILE: run_text(ctx)})
    results = model.results
    if results is None:  # a fresh learner always has them
        return
    table = Group(trials_table(results.trials), few_shot_table([results])) if results.trials else None
    show_trained(results, table or few_shot_table([results]), output=output, as_json=as_json)
