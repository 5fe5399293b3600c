"""Figures of a training by step."""

from typing import Any

from polytask.models.report_details import Curve
from polytask.report.charts.canvas import LINES, chart, named
from polytask.report.page import Plot

__all__ = ["lines"]

_NAMES = {
    "loss": "loss",
    "weight": "weight in the common loss",
    "conflict": "share of pairs of tasks in conflict",
    "score": "score on held-out data",
}
_MOST = 6  # lines that colours tell apart; others have dashes


def lines(curve: Curve) -> Plot:
    """Draw a line for each target."""
    measured = _NAMES.get(curve.measured, curve.measured)

    def draw(axes: Any) -> None:
        for index, (name, values) in enumerate(curve.lines.items()):
            points = [(at, value) for at, value in zip(curve.at, values) if value is not None]
            if points:
                axes.plot(
                    *zip(*points), color=LINES[index % len(LINES)], linewidth=1.5, label=named(name, 24),
                    linestyle="-" if index < _MOST else "--",
                )  # fmt: skip
        axes.set_xlabel(curve.unit)
        axes.set_ylabel(measured)
        axes.locator_params(nbins=5)
        if len(curve.lines) > 1:
            axes.legend(fontsize=7.5, frameon=False, loc="best", ncols=1 if len(curve.lines) < 7 else 2)

    several = f" of {len(curve.lines)} targets" if len(curve.lines) > 1 else ""
    return chart(
        draw,
        title=f"{curve.title}: {measured}{several} by {curve.unit}",
        caption=f"{curve.title}: {measured} by {curve.unit}.",
        height=2.7,
    )
