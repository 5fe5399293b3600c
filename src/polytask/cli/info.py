"""``polytask info``: what a saved model or a comparison is, and whether it is whole."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, app
from polytask.cli.tables import facts
from polytask.cli.terminal import show
from polytask.core import BundleError, Interval
from polytask.core.files import user_path
from polytask.core.names import counted
from polytask.report.metric_text import value_text

if TYPE_CHECKING:
    from polytask.compare.comparison_info import ComparisonInfo, TaskComparisonInfo
    from polytask.models.bundle_info import BundleInfo

__all__ = ["info"]

_MOST_NAMED = 8
_ON_TASKS = "a comparison on tasks (polytask compare --task-column)"
_ROLES = {"group": "group", "time_column": "time", "weight_column": "weight", "seed": "seed"}
_KINDS = {
    "table": "a model of a table (polytask fit)",
    "task-table": "a model of a table with tasks (polytask fit or learn, with --task-column)",
    "learned-features": "features learned from known classes (polytask learn)",
    "in-context": "a network that reads the rows of a task (polytask learn)",
    "few-shot": "a few-shot model (polytask learn)",
    "few-shot-adapted": "an adapted few-shot model (polytask adapt)",
    "few-shot-classifier": "a classifier of few examples (polytask adapt)",
}


@app.command(cls=SpokenCommand)
def info(
    model: Annotated[
        Path,
        typer.Argument(
            help="A directory made by fit, learn, adapt, extend or compare.", autocompletion=models
        ),
    ],
    as_json: Json = False,
) -> None:
    """Say what a saved model or a comparison is: data, results, files; every checksum is verified.

    [bold]Example[/bold]

      polytask info penguins
    """
    from polytask.compare.comparison_info import comparison_info, task_comparison_info
    from polytask.compare.stored_rows import PLAN_FILE
    from polytask.models.bundle_info import bundle_info

    compared = task_comparison_info(model)
    if compared is None and (user_path(model) / PLAN_FILE).is_file():
        compared = comparison_info(model)
    if compared is not None:
        problems, summary = compared.problems, compared.to_json()
        rows = [*_comparison_rows(compared)]
        if compared.finished:
            summary["recommendation"] = _recommendation(model)
            rows.append(("result", summary["recommendation"]))
    else:
        saved = bundle_info(model)
        problems, rows, summary = saved.problems, [*_model_rows(saved)], saved.to_json()
    show(summary, as_json=as_json, lines=[facts(rows)])
    if problems:
        raise BundleError(" ".join(problems))


def _model_rows(saved: "BundleInfo") -> Iterator[tuple[str, str]]:
    """Lay out what a model says of itself."""
    yield "kind", _KINDS.get(saved.kind, saved.kind)
    when = "" if saved.saved is None else f", {saved.saved[:16].replace('T', ' ')} UTC"
    yield "written by", f"polytask {saved.library}{when}"
    settings = saved.settings
    for target in saved.targets:
        classes = target["classes"]
        more = f", {len(classes)} classes: {_some(classes)}" if classes else ""
        yield f"target {target['name']}", f"{target['kind']}{more}"
    for kind, names in saved.columns.items():
        yield kind, f"{counted(len(names), 'column')}: {_some(names)}"
    if saved.kind == "in-context":
        yield "learner", str(settings.get("learner"))
    elif "learner" in settings:
        yield "learner", f"{settings['learner']}, {settings.get('way')}-way {settings.get('shot')}-shot"
        yield "images", f"{settings.get('size')} x {settings.get('size')}"
    if saved.task_column is not None:
        yield "tasks", f"{len(saved.tasks)} of the column {saved.task_column}: {_some(saved.tasks)}"
    if saved.classes:
        yield "classes", f"{len(saved.classes)}: {_some(saved.classes)}"
    yield from _classifier_rows(saved)
    if "architecture" in settings:
        yield "architecture", f"{settings['architecture']}, balancing {settings.get('balancing')}"
    apart = ("group",) if saved.task_column is not None else ()  # its folds follow the tasks, as said
    yield from _data_rows({key: value for key, value in saved.data.items() if key not in apart})
    with suppress(
        KeyError, TypeError, ValueError, ArithmeticError, AttributeError
    ):  # of a version that wrote them otherwise
        yield from [*_result_rows(saved.results or {})]
    if saved.n_parameters is not None:
        yield "weights", f"{saved.n_parameters:,} numbers"
    for file in saved.files:
        size = "missing" if file.size is None else f"{file.size:,} bytes"
        yield (
            "file",
            f"{file.name}: {size}" + (", checksum verified" if file.problem is None else ", DAMAGED"),
        )


def _classifier_rows(saved: "BundleInfo") -> Iterator[tuple[str, str]]:
    """Lay out what a classifier of few examples says of itself."""
    if saved.examples:
        fewest, most = min(saved.examples), max(saved.examples)
        each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        yield "examples", f"{counted(sum(saved.examples), saved.item_kind or 'example')}, {each} of a class"
    if saved.encoders:
        yield "encoded by", ", ".join(saved.encoders)
    if saved.head:
        asked = saved.head.get("asked")
        how = "chosen by left-out examples" if asked == "auto" else "as asked for"
        yield "head", f"{saved.head.get('name')} of strength {saved.head.get('strength')}, {how}"
    accuracy = saved.data.get("left_out_accuracy")
    if isinstance(accuracy, float):
        yield "result", f"{accuracy:.0%} of examples told right when they were left out"


def _comparison_rows(compared: "ComparisonInfo | TaskComparisonInfo") -> Iterator[tuple[str, str]]:
    """Lay out what a comparison says of itself; one on tasks tells its cells by what is known of a task."""
    from polytask.compare.comparison_info import ComparisonInfo
    from polytask.compare.task_parts import words_of

    alone = isinstance(compared, ComparisonInfo)
    first = compared if alone else next(iter(compared.parts.values()))
    yield "kind", "a comparison (polytask compare)" if alone else _ON_TASKS
    yield "written by", f"polytask {first.library}"
    for target in first.targets:
        yield f"target {target['name']}", str(target["kind"])
    if not alone:
        yield "tasks", f"rows that share a value of the column {compared.task_column}"
    yield from _data_rows({key: value for key, value in first.data.items() if alone or key != "group"})
    yield "candidates", _some(first.candidates)
    yield "folds", str(len(first.folds))
    if first.search is not None:
        yield (
            "search",
            f"{first.search} settings tried in each fold, of candidates with something to choose",
        )
    if alone:
        yield from _cell_rows("cells", compared)
    else:
        for known, part in compared.parts.items():
            yield from _cell_rows(f"cells, {words_of(known)}", part)


def _cell_rows(name: str, compared: "ComparisonInfo") -> Iterator[tuple[str, str]]:
    yield name, f"{compared.done} of {compared.cells} done, {compared.seconds:,.0f} s of work"
    for what, count in compared.failed.items():
        yield "failed", f"{what} ({counted(count, 'cell')})"


def _data_rows(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows = data.get("rows", data.get("table_rows"))
    if rows is not None:
        yield "trained on", f"a table of {rows} rows"
    if "source" in data:
        yield "trained on", f"{data['source']}"
    for key, name in _ROLES.items():
        if data.get(key) is not None:
            yield name, str(data[key])
    if data.get("groups"):
        yield "groups", "; ".join(", ".join(map(str, group)) for group in data["groups"])
    if "fingerprint" in data:
        yield "fingerprint", f"{data['fingerprint']}"


def _result_rows(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Lay out the first metric of each target, or the accuracy on unseen classes."""
    for found in results.get("tasks", ()):
        metric = found["metric"]
        joint, single = (_value(found[side].get(metric), metric) for side in ("joint", "separate"))
        beside = "" if not found["separate"] else f", {single} by a model of its own: {found['verdict']}"
        beside = ", alone in its group" if found["verdict"] == "alone" else beside
        yield f"result {found['task']}", f"{joint} on held-out rows{beside}"
    for found in results.get("targets", ()):  # of a model with tasks
        most, metric = found["new_tasks"][-1], found["metric"]
        joint, pooled = (_value(most[side], metric) for side in ("joint", "pooled"))
        yield (
            f"result {found['target']}",
            f"{joint} on tasks that were held out, {_given(most['known_rows'])}; "
            f"without knowing tasks {pooled}",
        )
    if "accuracy" in results:
        ours, pixels = (_value(results[key], "accuracy") for key in ("accuracy", "pixel_nearest_mean"))
        yield "result", f"{ours} on unseen classes, {pixels} by the pixels' nearest mean"
    if "new_task" in results:  # of an update
        for name, part in (("new task", "new_task"), ("known tasks", "known_tasks")):
            before, after = (_value(results[part][side], "accuracy") for side in ("before", "after"))
            yield f"update, {name}", f"{after}, before the update {before}: {results[part]['verdict']}"
    if "seconds" in results:
        what = "update" if "new_task" in results else "training"
        yield f"{what} took", f"{results['seconds']:.0f} s"


def _given(known_rows: int | str) -> str:
    """Say how many rows of a task were known."""
    if known_rows == "4/5":
        return "four fifths of their rows given"
    return f"{counted(int(known_rows), 'row')} of each given"


def _value(value: Mapping[str, Any] | None, metric: str) -> str:
    if value is None or value.get("mean") is None:
        return f"{metric} unknown"
    half = value.get("half_width")
    interval = Interval(mean=value["mean"], half_width=math.nan if half is None else half, n=2)
    return value_text(interval, metric)


def _recommendation(folder: Path) -> str:
    """Judge a comparison that is complete."""
    from polytask.compare.table_comparison import judge_folder

    return judge_folder(folder).recommendation


def _some(names: Any) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(str, names[:_MOST_NAMED])) + more
