"""``polytask extend``: a new target for a fitted table model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, ModelDirectory, Quiet, Seed, app
from polytask.cli.tables import table_model
from polytask.cli.terminal import show
from polytask.core import InputError
from polytask.core.files import user_path

__all__ = ["extend"]


@app.command(cls=SpokenCommand)
def extend(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(help="A directory made by fit.", autocompletion=models)],
    table: Annotated[Path, typer.Argument(help="A CSV or Parquet file with labels of the new target.")],
    target: Annotated[
        list[str],
        typer.Option(help="A new column to predict, as NAME or NAME:KIND. Repeat it."),
    ],
    output: ModelDirectory,
    tune: Annotated[
        bool,
        typer.Option(
            help="Also tune copies of the networks; held-out rows choose between these and frozen ones."
        ),
    ] = False,
    seed: Seed = 0,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn a new target from few labels on what a model has learned; its other answers stay the same.

    [bold]Example[/bold]

      polytask extend penguins new-labels.csv --target colony -o penguins-and-colony
    """
    from polytask.estimators import extend as extend_model
    from polytask.models import TableModel
    from polytask.models.bundle_folder import check_destination
    from polytask.report.metric_text import interval_text, value_text

    check_destination(output, kind=TableModel.kind)
    loaded = table_model(model)
    if not isinstance(loaded, TableModel):
        raise InputError(
            f"{model} is a model with tasks, which learns no further targets. "
            "Fit all targets together, or give a directory that `polytask fit` made without --task-column."
        )
    extended, results = extend_model(
        loaded, user_path(table), target, tune=tune, seed=seed, progress=False if quiet or as_json else None
    )
    extended.save(output, files={CONFIG_FILE: run_text(ctx)})
    lines = []
    for found in results:
        ours = value_text(found.joint.get(found.metric), found.metric)
        own = interval_text(found.baseline.get(found.metric), found.metric)
        lines.append(
            f"{found.task}: {ours} on held-out rows, a linear model of its own {own}; "
            f"what the model has learned: {found.verdict}. The answer is {_made_of(found.parts)}."
        )
    summary = {
        "output": str(output),
        "targets": {
            found.task: {
                "metric": found.metric,
                "extended": {name: value.to_json() for name, value in found.joint.items()},
                "own": {name: value.to_json() for name, value in found.baseline.items()},
                "verdict": found.verdict,
                "parts": dict(found.parts),
            }
            for found in results
        },
    }
    show(summary, as_json=as_json, lines=[*lines, f"Saved to {output}."])


def _made_of(parts: Mapping[str, float]) -> str:
    """Say what a prediction is an average of."""
    words = {"frozen": "networks as they were", "tuned": "networks tuned for it", "linear": "a linear model"}
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{100 * share:.0f} % {words[kind]}" for kind, share in ordered if share)
