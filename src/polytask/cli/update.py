"""``polytask update``: what a few-shot model knows across tasks learns from a new task, guarded."""

from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models, sources
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.dry_run import DryRun, show_planned_update
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, ModelDirectory, Quiet, Seed, app
from polytask.cli.terminal import say, show
from polytask.core import InputError

__all__ = ["update"]


@app.command(cls=SpokenCommand)
def update(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(help="A directory made by learn.", autocompletion=models)],
    new_task: Annotated[
        Path, typer.Argument(help="A folder with one folder of images per class, three or more in each.")
    ],
    output: ModelDirectory,
    replay: Annotated[
        str | None,
        typer.Option(
            help="What the model was trained on; where it says that it was, if left out.",
            autocompletion=sources,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Of the update.")] = 20,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 5e-4,
    n_replayed: Annotated[int, typer.Option(help="Replayed tasks a step, beside the new one.")] = 4,
    test_episodes: Annotated[
        int, typer.Option(help="Episodes of the guard, and as many of the test classes.")
    ] = 200,
    seed: Seed = 0,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Update a few-shot model by a new task, with replay; an update that hurts known tasks is not written.

    The output may be the model itself, which is then replaced in one step. Exit code 1: the update was
    undone, and nothing written.

    [bold]Examples[/bold]

      polytask update letters new-script/ -o letters-2

      polytask update letters new-script/ --replay my-images/ -o letters
    """
    from polytask.estimators import update as update_model
    from polytask.estimators.update_few_shot import plan_update
    from polytask.models import FewShotModel, load
    from polytask.models.bundle_folder import check_destination
    from polytask.report.console import update_table

    check_destination(output, kind=FewShotModel.kind)
    loaded = load(model)
    if not isinstance(loaded, FewShotModel):
        raise InputError(
            f"{model} is no few-shot model of images, whose network an update trains. Give one that "
            "polytask learn made of images."
        )
    settings = {
        "replay": replay, "steps": steps, "learning_rate": learning_rate, "n_replayed": n_replayed,
        "n_episodes": test_episodes, "seed": seed,
    }  # fmt: skip
    if dry_run:
        show_planned_update(plan_update(loaded, new_task, **settings), output=output, as_json=as_json)
        return
    progress = False if quiet or as_json else None
    updated, results = update_model(loaded, new_task, progress=progress, **settings)
    if results.kept:
        updated.save(output, files={CONFIG_FILE: run_text(ctx)})
    where = f"Model written to {output}." if results.kept else "The update was undone, and nothing written."
    summary = {"model": str(output) if results.kept else None, **results.to_json()}
    show(summary, as_json=as_json, lines=[update_table(results), results.reason, where])
    if not results.kept:
        if as_json:
            say(where, style="yellow")
        raise typer.Exit(1)
