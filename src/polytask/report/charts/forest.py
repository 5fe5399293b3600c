"""Gains with their intervals, a row for each target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["ForestRow", "forest"]

_INK, _MUTED, _GOOD, _BAD, _LINE = "#1b2733", "#5d6b79", "#0067a6", "#b34700", "#dfe5ea"
MOST_ROWS = 13
"""Rows of a picture; the rest stands in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """A row.

    Args:
        name: What it is called.
        mean: The gain in percent.
        half_width: Half of its interval; NaN where that is not known.
        tone: ``"good"``, ``"bad"`` or ``""``.
        total: Whether it is about all of the others.
    """

    name: str
    mean: float
    half_width: float
    tone: str = ""
    total: bool = False


def forest(rows: Sequence[ForestRow], *, title: str, measured: str, explained: bool = True) -> Plot:
    """Draw gains from the highest down; of many rows those at both ends.

    Args:
        rows: At least one; means that are not finite are left out.
        title: For those who hear it.
        measured: Below the axis.
        explained: Whether the caption says how to read it.
    """
    usable = sorted((row for row in rows if math.isfinite(row.mean)), key=lambda row: (row.total, -row.mean))
    how = "Right of the line is better. An interval that crosses it is no clear difference."
    caption = how if explained else ""
    plain = [row for row in usable if not row.total]
    if len(plain) > MOST_ROWS - 1:
        half = (MOST_ROWS - 1) // 2
        shown = [*plain[:half], *plain[-half:], *(row for row in usable if row.total)]
        caption += f" The {half} highest and the {half} lowest of {len(plain)}; all are in the table."
        usable = shown
    return chart(
        lambda axes: _draw(axes, usable, measured),
        title=title,
        caption=caption,
        height=0.28 * len(usable) + 0.75,
        width=4.2,
        wide=True,
    )


def _draw(axes: Any, rows: Sequence[ForestRow], measured: str) -> None:
    colours = {"good": _GOOD, "bad": _BAD}
    axes.axvline(0, color=_MUTED, linewidth=1)
    for index, row in enumerate(rows):
        width = row.half_width if math.isfinite(row.half_width) else 0.0
        axes.errorbar(
            row.mean, index, xerr=width, fmt="D" if row.total else "o", color=colours.get(row.tone, _INK),
            markersize=5.5, linewidth=1.6, capsize=0,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [named(row.name) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(measured)
