"""Several verdicts in one picture: where joint training helps, where it does not, and by how much."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polytask.models.table_results import FitResults
from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["bands"]

_INK, _MUTED, _LINE = "#1b2733", "#5d6b79", "#dfe5ea"
_COLOURS = {"helped": "#0067a6", "hurt": "#b34700"}
_SPREAD = 0.28  # of a band that its dots fill


def bands(results: Mapping[str, FitResults]) -> Plot:
    """Draw a band of gains for each table.

    Args:
        results: By name of the table: a dot is a target, coloured by its verdict; the diamond is the average
            with its 95 % interval.
    """
    return chart(
        lambda axes: _draw(axes, results),
        title="Gains of joint training over separate models, a band for each table",
        caption=(
            "A dot is a target: right of the line joint training wins. Blue is clearly better, orange "
            "clearly worse, grey no clear difference. The diamond is the average, with its 95 % interval."
        ),
        height=0.72 * len(results) + 0.6,
        width=4.2,
        wide=True,
    )


def _draw(axes: Any, results: Mapping[str, FitResults]) -> None:
    axes.axvline(0, color=_MUTED, linewidth=1)
    for row, found in enumerate(results.values()):
        gains = [(one.gain.mean, one.verdict) for one in found.tasks if one.gain is not None]
        heights = _dodged([gain for gain, _ in gains])
        for (gain, verdict), height in zip(gains, heights, strict=True):
            colour = _COLOURS.get(verdict, _MUTED)
            axes.plot(gain, row + height, "o", color=colour, markersize=4, alpha=0.75, markeredgewidth=0)
        if found.delta_m is not None:
            width = found.delta_m.half_width if math.isfinite(found.delta_m.half_width) else 0.0
            axes.errorbar(
                found.delta_m.mean, row, xerr=width, fmt="D", color=_INK, markersize=5.5, linewidth=1.6
            )
    axes.set_yticks(range(len(results)), [named(name) for name in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("gain of joint training over a separate model, %")


def _dodged(values: Sequence[float]) -> np.ndarray:
    """Move dots up and down in turn, in the order of their values, so that none hides another."""
    steps = np.linspace(-_SPREAD, _SPREAD, 5)
    heights = np.zeros(len(values))
    if len(values) > 1:
        heights[np.argsort(values)] = steps[(2 * np.arange(len(values))) % 5]
    return heights
