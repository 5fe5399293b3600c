"""The report of a comparison on tasks: which model to take, by how much is known of a task."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from polytask.compare.results import Comparison, Contrast
from polytask.compare.task_parts import KNOWN, TaskRowsKnown, words_of
from polytask.compare.task_results import TaskComparison
from polytask.core import Interval, Task
from polytask.core.names import counted, short_name
from polytask.evaluate.metrics import higher_is_better
from polytask.report.charts.by_rows import by_rows
from polytask.report.charts.forest import forest
from polytask.report.common_parts import facts_section, listed, rows_text, sentences
from polytask.report.comparison_parts import (
    contrast_row,
    cost_part,
    forest_row,
    notes_part,
    settings_section,
)
from polytask.report.metric_text import SHARES, interval_text, metric_name
from polytask.report.page import Card, Cell, Fold, Mark, Page, Part, Plot, Plots, Section, Table, Text

__all__ = ["task_comparison_page"]

_MOST_DRAWN = 12  # targets
_MOST_FORESTS = 10
_MOST_OPEN = 3


def task_comparison_page(found: TaskComparison, *, command: str | None = None) -> Page:
    """Lay out the report of a comparison on tasks.

    Args:
        found: What `polytask.compare` returned for a table with a task column.
        command: The command line that makes it again; None where it was made in Python.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    parts = list(found.parts.values())
    tasks, names = parts[0].tasks, [task.name for task in parts[0].tasks]
    answer, lead = sentences(found.recommendation)
    column = short_name(found.task_column)
    n_cells = sum(part.n_cells for part in parts)
    ours = _words(found, found.reference)
    return Page(
        title=f"Comparison on tasks by {column}: {listed(names, most=4)}",
        headline=answer,
        lead=lead,
        cards=_cards(found),
        sections=[
            Section(title="By what is known of a task", parts=[_curves(found, tasks)]),
            Section(title=f"Against {ours}", parts=_contrasts(found, names)),
            Section(title="Every candidate", parts=_candidates(found, tasks)),
            *settings_section({_title(known): part for known, part in found.parts.items()}),
            Section(title="What it cost", parts=[cost_part(_seconds(parts), sum(p.seconds for p in parts))]),
            Section(title="Data", parts=_data(found)),
            facts_section(
                {"task column": column, "cells": n_cells, "cells left": found.n_left}, command=command
            ),
        ],
    )


def _cards(found: TaskComparison) -> list[Card]:
    parts = list(found.parts.items())
    contrasts = [one for _, part in parts for one in part.contrasts]
    better, worse = (sum(one.verdict == word for one in contrasts) for word in ("better", "worse"))
    asked = [(part, task.name) for _, part in parts for task in part.tasks]
    good = sum(_better_than_constant(part, name) for part, name in asked)
    note = f"{counted(len(parts[0][1].tasks), 'target')}, {counted(len(parts), 'amount')} of known rows"
    return [
        Card(
            label="Clearly better than a constant answer",
            value=f"{good} of {len(asked)}",
            note=note,
            tone="good" if good == len(asked) else "bad",
        ),
        Card(
            label="Clearly better, clearly worse",
            value=f"{better}, {worse}",
            note=f"{_words(found, found.reference)}, of {len(contrasts)} asked",
        ),
        Card(
            label="Rows judged",
            value=f"{max(part.rows.get('judged', 0) for _, part in parts):,}",
            note=counted(parts[0][1].n_folds, "fold"),
        ),
    ]


def _better_than_constant(part: Comparison, target: str) -> bool:
    """Tell whether the reference is clearly better than a constant; where that is no candidate, anything."""
    held = (one for one in part.contrasts if (one.target, one.baseline) == (target, "constant"))
    contrast = next(held, None)
    return target not in part.not_better_than_constant if contrast is None else contrast.verdict == "better"


def _curves(found: TaskComparison, tasks: Sequence[Task]) -> Part:
    """Draw every candidate's first metric by what is known of a task, a picture for each target."""
    ordered = _ordered(found)
    plots = []
    for task in tasks[:_MOST_DRAWN]:
        metric = found.parts[ordered[0]].metric(task.name)
        ways: dict[str, Any] = {
            name: [_shown(_figure(found.parts[known], name, task.name, metric), metric) for known in ordered]
            for name in _names(found)
        }
        shown = {name: values for name, values in ways.items() if any(one is not None for one in values)}
        which = "Higher" if higher_is_better(task, metric) else "Lower"
        name = short_name(task.name, 60)
        plots.append(
            by_rows(
                shown,
                [_tick(known) for known in ordered],
                title=f"{metric_name(metric)} for {name}, by the rows known of a task",
                measured=metric_name(metric),
                caption=f"{name}. {which} is better; bars are 95 % intervals. Numbers are about new tasks, "
                "“most” is about new rows of known ones.",
            )
        )
    return Plots(plots=plots)


def _contrasts(found: TaskComparison, names: Sequence[str]) -> list[Part]:
    """Show what the reference gains on every other candidate."""
    asked = [
        (name, known, gains)
        for name in names
        for known, part in found.parts.items()
        if (gains := [one for one in part.contrasts if one.target == name and one.gain is not None])
    ]
    plots = [_forest(found, *one, explained=not index) for index, one in enumerate(asked[:_MOST_FORESTS])]
    rows = [contrast_row(one, _title(known)) for known, part in found.parts.items() for one in part.contrasts]
    if not rows:
        return [Text("There is nothing to hold against it.", tone="muted")]
    table = Table(
        caption="Gains in percent of the other one's metric, paired row by row, with 95 % intervals over "
        "tasks; verdicts are adjusted for the number of questions (Holm)",
        headings=["target", "judged by", "against", "gain, %", "verdict"],
        rows=rows,
        texts=(0, 1, 2, 4),
    )
    drawn: list[Part] = [Plots(plots=plots)] if plots else []
    return [*drawn, Fold(title=f"All {len(rows)} comparisons", parts=[table])]


def _forest(
    found: TaskComparison, target: str, known: TaskRowsKnown, asked: Sequence[Contrast], *, explained: bool
) -> Plot:
    name, words = short_name(target, 40), words_of(known)
    return forest(
        [forest_row(one.baseline, one) for one in asked],
        explained=explained,
        title=f"Gain of {_words(found, found.reference)} for {name}, on {words}",
        measured=f"{name}, {words}: gain, %",
    )


def _candidates(found: TaskComparison, tasks: Sequence[Task]) -> list[Part]:
    """Show the first metric of every candidate, a table for each target."""
    ordered, parts = _ordered(found), []
    for index, task in enumerate(tasks):
        metric = found.parts[ordered[0]].metric(task.name)
        best = {known: _best(found.parts[known], task.name) for known in ordered}
        rows: list[list[Cell]] = []
        for name in _names(found):
            cells: list[Cell] = [short_name(name)]
            for known in ordered:
                value = interval_text(_figure(found.parts[known], name, task.name, metric), metric)
                cells.append(Mark(f"{value} (best)", "good") if best[known] == name else value)
            rows.append(cells)
        table = Table(
            caption=f"{metric_name(metric)} with 95 % intervals over tasks, by what is known of a task",
            headings=["candidate", *map(_title, ordered)],
            rows=rows,
        )
        parts.append(Fold(title=short_name(task.name), parts=[table], open=index < _MOST_OPEN))
    return parts


def _data(found: TaskComparison) -> list[Part]:
    told: list[Part] = []
    for known, part in found.parts.items():
        again = f", {part.n_repeats} times" if part.n_repeats > 1 else ""
        text = f"{_title(known)}. {rows_text(part.rows)} {counted(part.n_folds, 'fold')}{again}."
        told.append(Text(text))
    return [*told, *notes_part(list(found.parts.values()), found.messages)]


def _seconds(parts: Sequence[Comparison]) -> dict[str, float]:
    """Average the seconds of a candidate's cells over comparisons, which have as many folds."""
    seconds: dict[str, list[float]] = {}
    for part in parts:
        for one in part.candidates:
            seconds.setdefault(one.name, []).append(one.seconds)
    return {name: sum(values) / len(values) for name, values in seconds.items()}


def _ordered(found: TaskComparison) -> list[TaskRowsKnown]:
    """Return what is known of tasks, the least first."""
    return sorted(found.parts, key=lambda known: (known == KNOWN, known if known != KNOWN else 0))


def _names(found: TaskComparison) -> list[str]:
    return [one.name for one in next(iter(found.parts.values())).candidates]


def _figure(part: Comparison, name: str, target: str, metric: str) -> Interval | None:
    one = next(one for one in part.candidates if one.name == name)
    return one.metrics.get(target, {}).get(metric)


def _shown(figure: Interval | None, metric: str) -> Interval | None:
    """Return a figure as it is drawn: shares in percent."""
    if figure is None or metric not in SHARES:
        return figure
    return replace(figure, mean=100 * figure.mean, half_width=100 * figure.half_width)


def _best(part: Comparison, target: str) -> str | None:
    return part.best(target) if any(target in one.metrics for one in part.candidates) else None


def _title(known: TaskRowsKnown) -> str:
    words = words_of(known)
    return words[:1].upper() + words[1:]


def _tick(known: TaskRowsKnown) -> str:
    return "most" if known == KNOWN else str(known)


def _words(found: TaskComparison, name: str) -> str:
    candidates = next(iter(found.parts.values())).candidates
    return next(short_name(one.words, 60) for one in candidates if one.name == name)
