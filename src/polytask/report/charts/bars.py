"""Figures as bars, with or without an interval."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polytask.report.charts.canvas import LONGEST, chart, named
from polytask.report.page import Plot

__all__ = ["Bar", "bars"]

_LONGEST_LINE = 32  # letters below the axis
_INK, _MUTED, _GOOD = "#1b2733", "#5d6b79", "#0067a6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar.

    Args:
        name: What it is called.
        value: How long it is.
        text: What stands at its end.
        half_width: Of its interval; NaN for none.
        plain: Whether it is what others are compared with.
    """

    name: str
    value: float
    text: str
    half_width: float = math.nan
    plain: bool = False


def bars(
    rows: Sequence[Bar], *, title: str, measured: str, caption: str = "", most: float | None = None
) -> Plot:
    """Draw a bar for each row, in their order.

    Args:
        rows: At least one.
        title: For those who hear it.
        measured: Below the axis.
        caption: Below the picture.
        most: The end of the axis; None for what the bars need.
    """

    names = [_in_lines(row.name) for row in rows]
    measured_lines = textwrap.wrap(measured, _LONGEST_LINE)
    n_broken = sum("\n" in name for name in names)

    def draw(axes: Any) -> None:
        farthest = max(abs(row.value) for row in rows) or 1.0
        for index, row in enumerate(rows):
            colour = _MUTED if row.plain else _GOOD
            axes.barh(index, row.value, color=colour, height=0.6, alpha=0.85)
            width = row.half_width if math.isfinite(row.half_width) else 0.0
            if width:
                axes.errorbar(row.value, index, xerr=width, color=_INK, linewidth=1.3, capsize=0)
            end = max(row.value, 0) + width + 0.015 * (most or farthest)
            axes.text(end, index, row.text, va="center", fontsize=8, color=_INK)
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        low = min(0.0, *(row.value for row in rows)) if len(rows) > 1 else min(0.0, rows[0].value)
        axes.set_xlim(low * 1.1, (most or farthest) * 1.22)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("\n".join(measured_lines))

    return chart(
        draw,
        title=title,
        caption=caption,
        height=0.27 * len(rows) + 0.1 * n_broken + 0.6 + 0.15 * len(measured_lines),
    )


def _in_lines(name: str) -> str:
    """Break a long name between its words, into two lines."""
    lines = textwrap.wrap(named(name, 2 * LONGEST), LONGEST, break_long_words=False)
    return "\n".join(lines) if len(lines) == 2 and max(map(len, lines)) <= LONGEST else named(name)
