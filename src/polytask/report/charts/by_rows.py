"""A figure by how many rows of a task are known, a line for each way to predict."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core import Interval
from polytask.report.charts.canvas import LINES, chart, named
from polytask.report.page import Plot

__all__ = ["by_rows"]

_MARKERS = "os^Dv*Px"
_APART = 0.05  # of the distance of two numbers of rows, so that intervals do not cover each other


def by_rows(
    ways: Mapping[str, Sequence[Interval | None]],
    rows: Sequence[str],
    *,
    title: str,
    measured: str,
    caption: str,
) -> Plot:
    """Draw a line with 95 % intervals for each way to predict.

    Args:
        ways: By name, its figure at each number of rows; None where it is not known.
        rows: How many are known, in words.
        title: For those who hear it.
        measured: Beside the axis.
        caption: Below the picture.
    """

    def draw(axes: Any) -> None:
        for index, (name, figures) in enumerate(ways.items()):
            shift = _APART * (index - (len(ways) - 1) / 2)
            known = [(at + shift, one) for at, one in enumerate(figures) if one is not None]
            axes.errorbar(
                [at for at, _ in known],
                [one.mean for _, one in known],
                yerr=[one.half_width if math.isfinite(one.half_width) else 0.0 for _, one in known],
                color=LINES[index % len(LINES)], linestyle="-" if index < len(LINES) else "--", linewidth=1.6,
                label=named(name), marker=_MARKERS[index % len(_MARKERS)], markersize=4,
            )  # fmt: skip
        axes.set_xticks(range(len(rows)), list(rows))
        axes.set_xlabel("rows of the task that are known")
        axes.set_ylabel(measured)
        axes.legend(
            fontsize=7.5, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2
        )

    return chart(draw, title=title, caption=caption, height=2.5 + 0.16 * -(-len(ways) // 2))
