"""``polytask adapt``: new classes from few images, or new tasks of a table from few rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, ModelDirectory, app
from polytask.cli.terminal import show
from polytask.core import InputError
from polytask.core.files import user_path
from polytask.core.names import counted

if TYPE_CHECKING:
    from polytask.models import FewShotModel, TaskTableModel

__all__ = ["adapt"]


@app.command(cls=SpokenCommand)
def adapt(
    model: Annotated[
        Path,
        typer.Argument(help="A directory made by learn, or by fit --task-column.", autocompletion=models),
    ],
    support: Annotated[
        Path,
        typer.Argument(
            help="A folder with one folder of images per new class; for a model with tasks, a CSV or Parquet "
            "file of their labelled rows."
        ),
    ],
    output: ModelDirectory,
    again: Annotated[
        bool,
        typer.Option("--again", help="Of a model with tasks: rows that it has learned from count once more."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Adapt a learned model to new classes from a few labelled images, or to new tasks from a few rows.

    [bold]Examples[/bold]

      polytask adapt letters my-support/ -o my-letters

      polytask adapt schools new-school.csv -o schools-and-one
    """
    from polytask.models import FewShotModel, TaskTableModel, load

    if user_path(output).resolve() == user_path(model).resolve():
        raise InputError(
            f"{output} is the learned model itself, which would be lost. Choose another `output`."
        )
    base = load(model)
    if isinstance(base, TaskTableModel):
        _adapt_tasks(base, support, output, again=again, as_json=as_json)
    elif isinstance(base, FewShotModel):
        if again:
            raise InputError(f"{model} has no tasks; `again` is for models that fit made with --task-column.")
        _adapt_classes(base, support, output, as_json=as_json)
    else:
        raise InputError(
            f"{model} cannot be adapted. Give a directory made by polytask learn, or by polytask fit with "
            "--task-column."
        )


def _adapt_classes(base: "FewShotModel", support: Path, output: Path, *, as_json: bool) -> None:
    from polytask.models import AdaptedModel
    from polytask.models.bundle_folder import check_destination

    check_destination(output, kind=AdaptedModel.kind)
    adapted = base.adapt(support)
    adapted.save(output)
    summary = {"model": str(output), "classes": list(adapted.classes)}
    show(summary, as_json=as_json, lines=[f"Adapted to {', '.join(adapted.classes)}; written to {output}."])


def _adapt_tasks(base: "TaskTableModel", rows: Path, output: Path, *, again: bool, as_json: bool) -> None:
    from polytask.models.bundle_folder import check_destination

    check_destination(output, kind=base.kind)
    adapted = base.adapt(user_path(rows), again=again)
    adapted.save(output)
    new = adapted.tasks[len(base.tasks) :]
    labels = _new_labels(base, adapted)
    learned = [name for name, n_labels in labels.items() if n_labels]
    summary = {
        "model": str(output),
        "new_tasks": list(new),
        "tasks": len(adapted.tasks),
        "labels": {name: labels[name] for name in learned},
    }
    told = f"Learned {counted(sum(labels.values()), 'label')} of {counted(len(learned), 'task')}"
    told += f", {len(new)} of them new" if learned else ""
    words = f"{told}; the model knows {counted(len(adapted.tasks), 'task')}. Written to {output}."
    show(summary, as_json=as_json, lines=[words])


def _new_labels(base: "TaskTableModel", adapted: "TaskTableModel") -> dict[str, int]:
    """Count the labels that were learned of each task, over all targets."""
    labels = dict.fromkeys(adapted.tasks, 0)
    for model, sign in ((adapted, 1), (base, -1)):
        for target in model.target_tasks:
            for name, count in zip(model.tasks, target.counts.tolist(), strict=True):
                labels[name] += sign * count
    return labels
