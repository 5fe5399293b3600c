"""``polytask adapt``: classes from few examples of any kind, or new tasks of a table from few rows."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polytask.cli.completion import models
from polytask.cli.config_file import CONFIG_FILE, Config, run_text
from polytask.cli.dry_run import DryRun, show_planned_adapting
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, ModelDirectory, Quiet, app, given
from polytask.cli.quick_start import quick_imports
from polytask.cli.reports import ReportWanted, reports_possible, write_pages
from polytask.cli.terminal import show, working
from polytask.core import InputError
from polytask.core.files import user_path
from polytask.core.names import counted

if TYPE_CHECKING:
    from polytask.models import (
        FewShotClassifier,
        FewShotModel,
        InContextModel,
        LearnedFeatures,
        TaskTableModel,
    )

__all__ = ["adapt"]

_FEWEST_FOR_NONE = 19  # with which a twentieth can be told


@app.command(cls=SpokenCommand)
def adapt(
    ctx: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            help="The labelled examples: a folder with one folder per class (images, sounds, .txt files); "
            "or a table with a column of labels and one of texts or files, or columns of numbers. With a "
            "second argument, the model to adapt.",
            autocompletion=models,
        ),
    ],
    support: Annotated[
        Path | None,
        typer.Argument(
            help="For a model made by learn, fit --task-column or adapt: its examples, or the labelled rows "
            "of new tasks."
        ),
    ] = None,
    *,
    output: ModelDirectory,
    kind: Annotated[
        str | None,
        typer.Option(help="What the examples are: text, image, sound or vector; found if left out."),
    ] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Of a table: the column of texts or files; found if left out.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Of a table: the column of labels; found if left out.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What turns examples into numbers; the best here if left out.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="auto, logistic, class-means, ridge or svm; left-out examples choose (auto)."),
    ] = None,
    strength: Annotated[float | None, typer.Option(help="Of a head that is named.")] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Of a model with tasks: rows that it has learned from count once more."),
    ] = False,
    report: ReportWanted = True,
    config: Config = None,  # noqa: ARG001 - its callback has read it
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn classes from a few labelled examples of any kind; or adapt a model to new classes, or new tasks.

    The output may be a model of classes or tasks itself, which is then replaced in one step.

    [bold]Examples[/bold]

      polytask adapt my-photos/ -o my-photos-model

      polytask adapt requests.csv --item-column text --label-column intent -o intents

      polytask adapt intents more-requests.csv -o intents-2

      polytask adapt letters my-support/ -o my-letters

      polytask adapt schools new-school.csv -o schools-and-one
    """
    asked = given(
        kind=kind,
        item_column=item_column,
        label_column=label_column,
        encoder=encoder,
        head=head,
        strength=strength,
    )
    run = _Run(output=output, text=run_text(ctx), report=report, as_json=as_json, quiet=quiet, dry=dry_run)
    if support is None:
        if again:
            raise InputError("`again` is for models of a table with tasks. Name the model first.")
        _learn_classes(source, asked, run)
        return
    with quick_imports():
        from polytask.models import (
            FewShotClassifier,
            FewShotModel,
            InContextModel,
            LearnedFeatures,
            TaskTableModel,
            load,
        )

    base = load(source)
    in_place = user_path(output).resolve() == user_path(source).resolve()
    if in_place and isinstance(base, FewShotModel | LearnedFeatures):
        raise InputError(
            f"{output} is the learned model itself, which would be lost. Choose another `output`."
        )
    if isinstance(base, LearnedFeatures):
        _learn_new_classes(base, support, asked, run, again=again)
        return
    if asked and isinstance(base, FewShotModel | TaskTableModel | FewShotClassifier | InContextModel):
        raise InputError(
            f"{source} is a model already, which decides how examples are read and learned. Leave out "
            f"{', '.join(f'`{name}`' for name in asked)}."
        )
    if again and not isinstance(base, TaskTableModel | InContextModel):
        raise InputError(
            f"{source} has no tasks; `again` is for models that fit or learn made with --task-column."
        )
    if isinstance(base, InContextModel):
        _adapt_rows(base, support, run, again=again)
    elif isinstance(base, TaskTableModel):
        _adapt_tasks(base, support, run, again=again)
    elif isinstance(base, FewShotModel):
        _adapt_classes(base, support, run)
    elif isinstance(base, FewShotClassifier):
        _add_examples(base, support, run)
    else:
        raise InputError(
            f"{source} cannot be adapted. Give a directory made by polytask learn or adapt, or by polytask "
            "fit with --task-column."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How a run was started: where it writes, its configuration, and what is shown."""

    output: Path
    text: str
    report: bool
    as_json: bool
    quiet: bool
    dry: bool

    def working(self) -> AbstractContextManager[None]:
        """Show that something is being learned."""
        return working("adapt: learning", quiet=self.quiet, as_json=self.as_json)

    def show(self, summary: dict[str, Any], words: str) -> None:
        """Tell what was learned."""
        lines = [f"{words} Written to {self.output}."]
        show({"model": str(self.output), **summary}, as_json=self.as_json, lines=lines)

    def plan(self, planned: Mapping[str, Any]) -> None:
        """Tell what would be learned."""
        show_planned_adapting(planned, output=self.output, as_json=self.as_json)


def _learn_classes(source: Path, asked: dict[str, Any], run: _Run) -> None:
    with quick_imports():
        from polytask.estimators import adapt as adapt_examples
        from polytask.models import FewShotClassifier
        from polytask.models.bundle_folder import check_destination

    if (user_path(source) / "model.json").is_file():
        raise InputError(
            f"{source} is a model. Name the examples that it shall learn behind it: polytask adapt {source} "
            "SUPPORT -o DIR"
        )
    check_destination(run.output, kind=FewShotClassifier.kind)
    if run.dry:
        from polytask.estimators.planned_adapting import plan_adapting  # it knows what trains

        run.plan(plan_adapting(source, **asked))
        return
    reported = reports_possible(wanted=run.report, drawn=False)
    with run.working():
        model = adapt_examples(source, **asked)
    _save_classifier(model, run, reported=reported)


def _learn_new_classes(
    base: "LearnedFeatures", support: Path, asked: dict[str, Any], run: _Run, *, again: bool
) -> None:
    from polytask.models import FewShotClassifier
    from polytask.models.bundle_folder import check_destination

    of_head = {name: value for name, value in asked.items() if name in ("head", "strength")}
    others = [f"`{name}`" for name in asked if name not in of_head] + ["`again`"] * again
    if others:
        raise InputError(
            f"The model of known classes decides how examples are read and encoded. Leave out "
            f"{', '.join(others)}."
        )
    check_destination(run.output, kind=FewShotClassifier.kind)
    if run.dry:
        from polytask.estimators.planned_adapting import plan_new_classes  # it knows what trains

        run.plan(plan_new_classes(base, user_path(support), **of_head))
        return
    reported = reports_possible(wanted=run.report, drawn=False)
    with run.working():
        model = base.adapt(user_path(support), **of_head)
    _save_classifier(model, run, reported=reported)


def _add_examples(base: "FewShotClassifier", support: Path, run: _Run) -> None:
    from polytask.models.bundle_folder import check_destination

    check_destination(run.output, kind=base.kind)
    if run.dry:
        from polytask.estimators.planned_adapting import plan_adding  # it knows what trains

        run.plan(plan_adding(base, user_path(support)))
        return
    reported = reports_possible(wanted=run.report, drawn=False)
    with run.working():
        model = base.add(user_path(support)).refit()
    n_new = len(model.examples) - len(base.examples)
    found = f"Added {counted(n_new, base.space.kind)} to the {len(base.examples)} that the model knew."
    _save_classifier(model, run, reported=reported, found=found)


def _save_classifier(
    model: "FewShotClassifier", run: _Run, *, reported: bool, found: str | None = None
) -> None:
    if not run.report:  # what it would show is not kept either
        model.details = None
    model.save(run.output, files={CONFIG_FILE: run.text})
    lines = model.messages[:1] if found is None else (found,)
    _show_classifier(model, run.output, lines, write_pages(run.output, report=reported), as_json=run.as_json)


def _show_classifier(
    model: "FewShotClassifier", output: Path, found: Sequence[str], pages: list[str], *, as_json: bool
) -> None:
    from polytask.meta.heads import HEADS

    accuracy = model.left_out_accuracy
    encoders = " and ".join(view.name for view in model.space.views)
    summary = {
        "model": str(output),
        "kind": model.space.kind,
        "classes": list(model.classes),
        "examples": len(model.examples),
        "encoders": [view.name for view in model.space.views],
        "head": model.settings.name,
        "left_out_accuracy": accuracy,
    }
    classes = counted(len(model.classes), "class", "classes")
    lines = [
        *found,
        f"Learned {classes} from {counted(len(model.examples), model.space.kind)} by {encoders}, and "
        f"{HEADS[model.settings.name].about}.",
    ]
    if accuracy is not None:
        lines.append(f"Of examples that were left out in turn, {accuracy:.0%} were told right.")
    n_references = len(model.references)
    if n_references < _FEWEST_FOR_NONE:
        lines.append(
            f"With {counted(n_references, 'left-out example')} predict never answers 'none of the classes'; "
            f"it takes {_FEWEST_FOR_NONE}, or a larger --refuse."
        )
    show(summary, as_json=as_json, lines=[*lines, f"Written to {output}.", *pages])


def _adapt_classes(base: "FewShotModel", support: Path, run: _Run) -> None:
    from polytask.models import AdaptedModel
    from polytask.models.bundle_folder import check_destination

    check_destination(run.output, kind=AdaptedModel.kind)
    with run.working():
        adapted = base.adapt(support)
    summary = {"classes": list(adapted.classes)}
    if run.dry:
        run.plan(summary)
        return
    adapted.save(run.output, files={CONFIG_FILE: run.text})
    run.show(summary, f"Adapted to {', '.join(adapted.classes)}.")


def _adapt_rows(base: "InContextModel", rows: Path, run: _Run, *, again: bool) -> None:
    from polytask.models.bundle_folder import check_destination

    check_destination(run.output, kind=base.kind)
    with run.working():
        adapted = base.adapt(user_path(rows), again=again)
    new = adapted.tasks[len(base.tasks) :]
    n_rows = len(adapted.known) - len(base.known)
    summary = {"new_tasks": list(new), "tasks": len(adapted.tasks), "rows": n_rows}
    if run.dry:
        run.plan(summary)
        return
    adapted.save(run.output, files={CONFIG_FILE: run.text})
    tasks = "" if base.reader.column is None else f", of {counted(len(new), 'new task')}"
    run.show(
        summary, f"Reads {counted(n_rows, 'more row')}{tasks}; {counted(len(adapted.known), 'row')} in all."
    )


def _adapt_tasks(base: "TaskTableModel", rows: Path, run: _Run, *, again: bool) -> None:
    from polytask.models.bundle_folder import check_destination

    check_destination(run.output, kind=base.kind)
    with run.working():
        adapted = base.adapt(user_path(rows), again=again)
    new = adapted.tasks[len(base.tasks) :]
    labels = _new_labels(base, adapted)
    learned = {name: n_labels for name, n_labels in labels.items() if n_labels}
    summary = {"new_tasks": list(new), "tasks": len(adapted.tasks), "labels": learned}
    if run.dry:
        run.plan(summary)
        return
    adapted.save(run.output, files={CONFIG_FILE: run.text})
    told = f"Learned {counted(sum(labels.values()), 'label')} of {counted(len(learned), 'task')}"
    told += f", {len(new)} of them new" if learned else ""
    run.show(summary, f"{told}; the model knows {counted(len(adapted.tasks), 'task')}.")


def _new_labels(base: "TaskTableModel", adapted: "TaskTableModel") -> dict[str, int]:
    """Count the labels that were learned of each task, over all targets."""
    labels = dict.fromkeys(adapted.tasks, 0)
    for model, sign in ((adapted, 1), (base, -1)):
        for target in model.target_tasks:
            for name, count in zip(model.tasks, target.counts.tolist(), strict=True):
                labels[name] += sign * count
    return labels
