"""The report of a model with tasks: what a new task costs and brings, by the rows that are known of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.models.report_details import Curve, TargetDetails
from polytask.models.table_results import FitResults
from polytask.models.task_table_results import DrawnTasks
from polytask.report.charts.by_rows import by_rows
from polytask.report.charts.lines import lines
from polytask.report.common_parts import data_section, how_section, listed, seconds_text
from polytask.report.page import Card, Fold, Mark, Page, Part, Plot, Plots, Section, Table, Text
from polytask.report.target_parts import target_parts

__all__ = ["task_table_page"]

_MOST_DRAWN = 12
_MOST_COUNTED = 40  # tasks, of which is shown how often they were drawn
_SIDES = {"pooled": "all alike", "own": "rows alone", "joint": "this model"}
_METRICS = {"rmse": "RMSE", "log_rmse": "RMSE of the logarithm", "cross_entropy": "cross-entropy"}
_TONES = {"helped": "good", "hurt": "bad"}


def task_table_page(record: ModelRecord) -> Page:
    """Lay out the report of a table model with tasks.

    Raises:
        BundleError: The stored results are no such things.
        MissingPackageError: matplotlib is not installed.
    """
    with reading_results(record.source):
        results = record.results or {}
        targets = list(results["targets"])
        column = str(record.config["tasks"]["column"])
        n_tasks = int(results["n_tasks"])
        return Page(
            title=f"Report of a model of {counted(n_tasks, 'task')} by {short_name(column)}",
            headline=_answer(targets, n_tasks),
            lead="The verdict compares it with the better of two others: one model for all tasks alike, and "
            "a linear model of the task's own rows alone.",
            cards=_cards(results, targets, n_tasks),
            sections=[
                Section(title="A new task, by its known rows", parts=_targets(targets)),
                *_pooled(record, results),
                *_drawn(results),
                *_training(record.details.curves),
                data_section(record, _whole(results["rows"]), [str(note) for note in results["messages"]]),
                how_section(record),
            ],
        )


def _answer(targets: Sequence[Mapping[str, Any]], n_tasks: int) -> str:
    helped = [str(one["target"]) for one in targets if _last(one).get("verdict") == "helped"]
    what = f"A model of {counted(len(targets), 'target')} over {counted(n_tasks, 'task')}"
    if not helped:
        return f"{what}: knowing a task makes no clear difference to its predictions."
    better = listed(helped, most=4)
    return f"{what}: with most of its rows known, a new task is predicted clearly better for {better}."


def _last(target: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = target["new_tasks"]
    return rows[-1] if rows else {}


def _cards(results: Mapping[str, Any], targets: Sequence[Mapping[str, Any]], n_tasks: int) -> list[Card]:
    rows = _whole(results["rows"])
    return [
        Card(label="Tasks", value=f"{n_tasks:,}", note=counted(len(targets), "target")),
        Card(label="Rows", value=f"{rows.get('table', 0):,}", note=f"{rows.get('pooled', 0):,} trained on"),
        Card(
            label="Training",
            value=seconds_text(float(results["seconds"] or 0)),
            note=f"{int(results['n_parameters']):,} weights",
        ),
    ]


def _targets(targets: Sequence[Mapping[str, Any]]) -> list[Part]:
    parts: list[Part] = []
    for index, one in enumerate(targets):
        if not one["new_tasks"]:
            parts.append(Text(f"{short_name(str(one['target']))}: too few tasks or rows to judge new tasks."))
            continue
        inner: list[Part] = [_curve(one)] if index < _MOST_DRAWN else []
        inner.append(_table(one))
        parts.append(Fold(title=short_name(str(one["target"])), parts=inner, open=index == 0))
    return parts


def _curve(target: Mapping[str, Any]) -> Plot:
    rows = list(target["new_tasks"])
    metric = _METRICS.get(str(target["metric"]), str(target["metric"]))
    return by_rows(
        {words: [_interval(one[side]) for one in rows] for side, words in _SIDES.items()},
        [_given(one["known_rows"]) for one in rows],
        title=f"{metric} for {short_name(str(target['target']), 60)} on new tasks, by the rows known of them",
        measured=metric,
        caption="Lower is better; bars are 95 % intervals over tasks.",
    )


def _table(target: Mapping[str, Any]) -> Table:
    rows = [
        [
            _given(one["known_rows"]),
            *(_figure(one[side]) for side in _SIDES),
            Mark(str(one["verdict"]), _TONES.get(str(one["verdict"]), "")),
        ]
        for one in target["new_tasks"]
    ]
    metric = _METRICS.get(str(target["metric"]), str(target["metric"]))
    return Table(
        caption=f"{metric} on tasks that were held out, with 95 % intervals",
        headings=["known rows", *_SIDES.values(), "verdict"],
        rows=rows,
        texts=(0, 4),
    )


def _pooled(record: ModelRecord, results: Mapping[str, Any]) -> list[Section]:
    """Show the model that all tasks share."""
    if not results.get("pooled"):
        return []
    pooled = FitResults.from_json(results["pooled"])
    details: dict[str, TargetDetails] = {one.target: one for one in record.details.targets}
    parts: list[Part] = [Text("Its own figures, on tasks that its networks did not see.", tone="muted")]
    for index, one in enumerate(pooled.tasks):
        found = target_parts(one, details.get(one.task), drawn=index < _MOST_DRAWN)
        parts.append(Fold(title=short_name(one.task), parts=found))
    return [Section(title="What all tasks share", parts=parts)]


def _drawn(results: Mapping[str, Any]) -> list[Section]:
    """Show how often tasks were drawn, where they were."""
    if not results.get("drawn"):
        return []
    found = DrawnTasks.from_json(results["drawn"])
    half = _MOST_COUNTED // 2
    few = len(found.tasks) <= _MOST_COUNTED
    tasks = found.tasks if few else found.tasks[:half] + found.tasks[-half:]
    left_out = found.n_tasks - len(tasks)
    table = Table(
        caption=f"Rows drawn for batches by the law {found.law}, of all networks together: {found.times:,}",
        headings=["task", "rows", "of all rows", "drawn", "of all drawn"],
        rows=[
            [
                short_name(one.task),
                f"{one.rows:,}",
                f"{100 * one.rows / max(found.rows, 1):.3g} %",
                f"{one.times:,}",
                f"{100 * one.times / max(found.times, 1):.3g} %",
            ]
            for one in tasks
        ],
        texts=(0,),
    )
    between = f"{counted(left_out, 'task')} of sizes in between {'is' if left_out == 1 else 'are'} left out."
    parts: list[Part] = [table, *([Text(between, tone="muted")] if left_out else [])]
    return [Section(title="How often tasks were drawn", parts=parts)]


def _training(curves: Sequence[Curve]) -> list[Section]:
    if not curves:
        return []
    plots = Plots(plots=[lines(curve) for curve in curves])
    return [Section(title="Training", parts=[Fold(title="How it went", parts=[plots])])]


def _given(rows: Any) -> str:
    return "4 of 5" if rows == "4/5" else str(rows)


def _figure(stored: Mapping[str, Any]) -> str:
    width = _width(stored)
    return f"{float(stored['mean']):.3g}" + (f" ± {width:.2g}" if width else "")


def _interval(stored: Mapping[str, Any]) -> Interval:
    return Interval(mean=float(stored["mean"]), half_width=_width(stored), n=2)


def _width(stored: Mapping[str, Any]) -> float:
    width = stored.get("half_width")
    return 0.0 if width is None or not math.isfinite(float(width)) else float(width)


def _whole(rows: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in rows.items()}
