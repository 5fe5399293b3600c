"""How often answers of some probability are right."""

from collections.abc import Sequence
from typing import Any

from polytask.models.report_details import ReliabilityBin
from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["reliability"]

_MUTED, _GOOD, _LINE = "#5d6b79", "#0067a6", "#dfe5ea"


def reliability(bins: Sequence[ReliabilityBin], *, target: str) -> Plot:
    """Draw the share of right answers by their probability; on the line the two are the same."""

    def draw(axes: Any) -> None:
        axes.plot([0, 100], [0, 100], color=_MUTED, linewidth=1)
        most = max(one.rows for one in bins)
        axes.plot(
            [100 * one.probability for one in bins],
            [100 * one.right for one in bins],
            color=_GOOD,
            linewidth=1,
        )
        for one in bins:
            size = 3 + 5 * (one.rows / most) ** 0.5
            axes.plot(100 * one.probability, 100 * one.right, "o", color=_GOOD, markersize=size)
        axes.set_xlim(0, 103)
        axes.set_ylim(0, 103)
        axes.set_xlabel("probability of the answer, %")
        axes.set_ylabel("right, %")
        axes.locator_params(nbins=5)

    return chart(
        draw,
        title=f"Calibration of {named(target, 60)}: how often answers of each probability are right",
        caption="Each point is a part of the held-out rows. On the line, answers are right as often as "
        "they say; below it they are too sure.",
        height=2.9,
    )
