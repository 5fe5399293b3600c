"""Figures as bars, with or without an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["Bar", "bars"]

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
        axes.set_yticks(range(len(rows)), [named(row.name) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        low = min(0.0, *(row.value for row in rows)) if len(rows) > 1 else min(0.0, rows[0].value)
        axes.set_xlim(low * 1.1, (most or farthest) * 1.22)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(measured)

    return chart(draw, title=title, caption=caption, height=0.27 * len(rows) + 0.75)
