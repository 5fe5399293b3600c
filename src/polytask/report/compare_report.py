"""The report of a comparison: what to do, who is better than whom, and at what cost."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from polytask.compare.results import CandidateResult, Comparison
from polytask.compare.task_results import TaskComparison
from polytask.core.names import counted, short_name
from polytask.report.charts.forest import ForestRow, forest
from polytask.report.common_parts import facts_section, listed, rows_text, sentences
from polytask.report.comparison import has_networks
from polytask.report.comparison_parts import (
    contrast_row,
    cost_part,
    forest_row,
    notes_part,
    settings_section,
    verdict_mark,
)
from polytask.report.how_judged import BY_AVERAGES
from polytask.report.metric_text import gain_text, interval_text, metric_name
from polytask.report.page import (
    Card,
    Cell,
    Fold,
    Mark,
    Page,
    Part,
    Plot,
    Plots,
    Section,
    Table,
    Text,
    write_page,
)
from polytask.report.task_comparison_report import task_comparison_page

__all__ = ["comparison_page", "page_of_comparison", "write_comparison_report"]

_MOST_FORESTS = 8


def write_comparison_report(
    found: Comparison | TaskComparison, path: str | Path, *, command: str | None = None
) -> Path:
    """Write the report of a comparison as one HTML file: no network, readable on a phone, printable.

    Args:
        found: What `polytask.compare` returned.
        path: The file.
        command: The command line that makes it again; None where it was made in Python.

    Raises:
        InputError: The file cannot be written.
        MissingPackageError: jinja2 or matplotlib is not installed.
    """
    return write_page(page_of_comparison(found, command=command), path)


def page_of_comparison(found: Comparison | TaskComparison, *, command: str | None = None) -> Page:
    """Lay out the report of a comparison, or of one on tasks."""
    if isinstance(found, TaskComparison):
        return task_comparison_page(found, command=command)
    return comparison_page(found, command=command)


def comparison_page(found: Comparison, *, command: str | None = None) -> Page:
    """Lay out the report of a comparison; see `write_comparison_report`."""
    names = [task.name for task in found.tasks]
    answer, lead = sentences(found.recommendation)
    seconds = {one.name: one.seconds for one in found.candidates}
    return Page(
        title=f"Comparison on {counted(len(names), 'target')}: {listed(names, most=4)}",
        headline=answer,
        lead=lead,
        cards=_cards(found),
        sections=[
            Section(title="Against every baseline", parts=_contrasts(found)),
            Section(title="Every candidate", parts=_candidates(found)),
            *settings_section({"": found}),
            Section(title="What it cost", parts=[cost_part(seconds, found.seconds)]),
            Section(title="Data", parts=_data(found)),
            facts_section({"cells": found.n_cells, "cells left": found.n_left}, command=command),
        ],
    )


def _cards(found: Comparison) -> list[Card]:
    verdicts = [one.verdict for one in found.contrasts if one.joint]
    n_targets = len(found.tasks)
    poor = len(found.not_better_than_constant)
    cards = [
        Card(
            label="Better than a constant answer",
            value=f"{n_targets - poor} of {n_targets}",
            note=counted(n_targets, "target"),
            tone="bad" if poor else "good",
        )
    ]
    known = {name: gain for name, gain in found.delta_m.items() if gain is not None}
    if known:
        name = max(known, key=lambda one: known[one].mean)
        gain = known[name]
        clear = gain.low > 0 or gain.high < 0
        cards.append(
            Card(
                label="Average gain of training together",
                value=f"{gain.mean:+.1f} %",
                note=f"± {gain.half_width:.1f}, {_words(found, name)}",
                tone=("good" if gain.mean > 0 else "bad") if clear else "",
            )
        )
    if verdicts:
        helped, hurt = verdicts.count("helped"), verdicts.count("hurt")
        cards.append(
            Card(
                label="Clearly helped, clearly hurt",
                value=f"{helped}, {hurt}",
                note=f"by joint training, of {len(verdicts)} asked",
            )
        )
    rows = found.rows.get("judged", found.rows.get("labelled", 0))
    cards.append(Card(label="Rows judged", value=f"{rows:,}", note=counted(found.n_folds, "fold")))
    return cards


def _contrasts(found: Comparison) -> list[Part]:
    """Show who is better than whom: joint training by target, then other methods target by target."""
    parts: list[Part] = []
    plots = _drawn(_joint_forest(found, one) for one in found.candidates)
    if plots:
        parts.append(Plots(plots=plots))
    others = _drawn(_rival_forest(found, task.name) for task in found.tasks)
    if others:
        named = "Other methods, held against the networks"
        parts.append(Fold(title=named, parts=[Plots(plots=others)], open=len(others) <= 4))
    rows = [contrast_row(one, short_name(one.candidate)) for one in found.contrasts]
    table = Table(
        caption="Gains in percent of the other one's metric, paired row by row, with 95 % intervals; "
        "verdicts are adjusted for the number of questions (Holm)",
        headings=["target", "candidate", "against", "gain, %", "verdict"],
        rows=rows,
        texts=(0, 1, 2, 4),
    )
    if rows:
        parts.append(Fold(title=f"All {len(rows)} comparisons", parts=[table]))
    return parts or [Text("Nothing was held against anything.", tone="muted")]


def _drawn(plots: Iterable[Plot | None]) -> list[Plot]:
    """Draw as many as are shown."""
    return list(islice((plot for plot in plots if plot is not None), _MOST_FORESTS))


def _joint_forest(found: Comparison, candidate: CandidateResult) -> Plot | None:
    ours = [one for one in found.contrasts if one.joint and one.candidate == candidate.name]
    rows = [forest_row(one.target, one) for one in ours if one.gain is not None]
    if not rows:
        return None
    mean = found.delta_m.get(candidate.name)
    if mean is not None and len(rows) > 1:
        rows.append(ForestRow(name="average", mean=mean.mean, half_width=mean.half_width, total=True))
    words = short_name(candidate.words, 60)
    return forest(
        rows, title=f"Gain of {words} over separate networks, by target", measured=f"{words}: gain, %"
    )


def _rival_forest(found: Comparison, target: str) -> Plot | None:
    ours = [one for one in found.contrasts if not one.joint and one.target == target]
    rows = [forest_row(_words(found, one.candidate), one) for one in ours if one.gain is not None]
    if not rows:
        return None
    name = short_name(target, 40)
    return forest(
        rows,
        explained=False,
        title=f"Gain of other methods over {_words(found, ours[0].baseline)} for {name}",
        measured=f"{name}: gain over the networks, %",
    )


def _candidates(found: Comparison) -> list[Part]:
    """Show the first metric of every candidate, a table for each target."""
    parts: list[Part] = [Text(BY_AVERAGES, tone="muted")] if has_networks(found) else []
    for index, task in enumerate(found.tasks):
        metric = found.metric(task.name)
        rows: list[list[Cell]] = []
        best = found.best(task.name) if any(task.name in one.metrics for one in found.candidates) else None
        for one in found.candidates:
            value = interval_text(one.metrics.get(task.name, {}).get(metric), metric)
            contrast = found.contrast(task.name, one.name)
            shown: Cell = Mark(f"{value} (best)", "good") if one.name == best else value
            rows.append(
                [
                    short_name(one.name),
                    Mark("failed", "bad") if one.error else shown,
                    "" if contrast is None else gain_text(contrast.gain),
                    verdict_mark(contrast),
                ]
            )
        table = Table(
            caption=f"{metric_name(metric)} on held-out rows, with 95 % intervals",
            headings=["candidate", metric_name(metric), "gain, %", "verdict"],
            rows=rows,
            texts=(0, 3),
        )
        parts.append(Fold(title=short_name(task.name), parts=[table], open=index < 3))
    return parts


def _data(found: Comparison) -> list[Part]:
    again = f", {found.n_repeats} times" if found.n_repeats > 1 else ""
    parts: list[Part] = [
        Text(f"{rows_text(found.rows)} They were dealt into {counted(found.n_folds, 'fold')}{again}.")
    ]
    return [*parts, *notes_part([found], found.messages)]


def _words(found: Comparison, name: str) -> str:
    return next((short_name(one.words, 60) for one in found.candidates if one.name == name), short_name(name))
