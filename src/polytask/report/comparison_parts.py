"""Parts that the reports of comparisons have in common: verdicts, settings that were chosen, cost, notes."""

import math
from collections.abc import Mapping, Sequence

from polytask.compare.chosen_settings import settings_text
from polytask.compare.results import Comparison, Contrast
from polytask.core.names import short_name
from polytask.report.charts.bars import Bar, bars
from polytask.report.charts.forest import ForestRow
from polytask.report.common_parts import seconds_text
from polytask.report.metric_text import gain_text
from polytask.report.page import Cell, Fold, Mark, Notes, Part, Section, Table

__all__ = ["contrast_row", "cost_part", "forest_row", "notes_part", "settings_section", "verdict_mark"]

_TONES = {"helped": "good", "better": "good", "hurt": "bad", "worse": "bad"}
_MOST_NOTES, _MOST_BARS = 40, 20


def verdict_mark(one: Contrast | None) -> Mark:
    """Write a verdict in its tone; nothing where there is none."""
    verdict = "" if one is None else one.verdict
    return Mark(verdict, _TONES.get(verdict, ""))


def contrast_row(one: Contrast, second: str) -> list[Cell]:
    """Make a row of a table of gains: target, what is given second, the other one, gain and verdict."""
    return [
        short_name(one.target),
        second,
        short_name(one.baseline),
        gain_text(one.gain),
        verdict_mark(one),
    ]


def forest_row(name: str, one: Contrast) -> ForestRow:
    """Make a row of a picture of gains."""
    gain = one.gain
    return ForestRow(
        name=name,
        mean=math.nan if gain is None else gain.mean,
        half_width=math.nan if gain is None else gain.half_width,
        tone=_TONES.get(one.verdict, ""),
    )


def settings_section(parts: Mapping[str, Comparison]) -> list[Section]:
    """Show which settings were chosen; no section where nobody had a choice.

    Args:
        parts: Comparisons by what tells them apart; ``""`` for one alone.
    """
    folds: list[Part] = []
    for title, found in parts.items():
        rows: list[list[Cell]] = [
            [
                short_name(task.name),
                short_name(one.name),
                str(one.trials.get(task.name, 1)),
                settings_text(chosen),
            ]
            for task in found.tasks
            for one in found.candidates
            if (chosen := one.settings.get(task.name)) and one.trials.get(task.name, 1) > 1
        ]
        if rows:
            table = Table(
                caption="Settings that were chosen inside the training parts",
                headings=["target", "candidate", "tried", "chosen"],
                rows=rows,
                texts=(0, 1, 3),
            )
            folds.append(Fold(title=title or "What was chosen", parts=[table]))
    return [Section(title="Settings", parts=folds)] if folds else []


def cost_part(seconds: Mapping[str, float], total: float) -> Part:
    """Draw what a cell of each candidate took.

    Args:
        seconds: By candidate, averaged over its cells.
        total: Of all cells together.
    """
    ordered = sorted(seconds.items(), key=lambda one: one[1])
    return bars(
        [
            Bar(name=name, value=value, text=seconds_text(value), plain=name == "constant")
            for name, value in ordered[:_MOST_BARS]
        ],
        title="Seconds of a cell, by candidate",
        measured="seconds of a cell (one fold), on one thread",
        caption=f"All cells together took {seconds_text(total)}.",
    )


def notes_part(found: Sequence[Comparison], messages: Sequence[str]) -> list[Part]:
    """List what was noteworthy, and which candidates failed; nothing where there is nothing."""
    candidates = [one for part in found for one in part.candidates]
    failed = [f"{one.name} failed: {one.error}" for one in candidates if one.error]
    notes = dict.fromkeys([*messages, *failed, *(text for one in candidates for text in one.messages)])
    return [Notes(list(notes)[:_MOST_NOTES])] if notes else []
