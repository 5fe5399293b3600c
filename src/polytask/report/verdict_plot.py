"""One picture of several verdicts: where joint training helps, where it does not, and by how much."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polytask.core.names import short_name
from polytask.models.table_results import FitResults
from polytask.report.plots import COLOURS, drawing, svg_text

__all__ = ["verdict_plot"]

_LONGEST = 40  # characters of a name
_SPREAD = 0.28  # of a band that its dots fill


def verdict_plot(
    results: Mapping[str, FitResults], bars: Mapping[str, Mapping[str, float]] | None = None
) -> str:
    """Draw a band of gains for each table, and bars of further figures below, as SVG.

    Args:
        results: By name of the table: a dot is a target, coloured by its verdict; the line is Δm with its
            95 % interval.
        bars: By what is measured, figures by name; each is a panel of its own.
    """
    panels = dict(bars or {})
    with drawing() as pyplot:
        heights = [0.75 * len(results) + 0.6, *(0.3 * len(one) + 0.6 for one in panels.values())]
        figure, axes = pyplot.subplots(
            len(heights), 1, figsize=(6.8, sum(heights) + 0.4), height_ratios=heights, squeeze=False
        )
        _bands(axes[0, 0], results)
        for axis, (measured, figures) in zip(axes[1:, 0], panels.items(), strict=True):
            _bars(axis, measured, figures)
        return svg_text(pyplot, figure, *axes[:, 0])


def _bands(axes: Any, results: Mapping[str, FitResults]) -> None:
    rows: Sequence[tuple[str, FitResults]] = list(results.items())
    for row, (_, found) in enumerate(rows):
        gains = [(one.gain.mean, one.verdict) for one in found.tasks if one.gain is not None]
        heights = _dodged([gain for gain, _ in gains])
        for (gain, verdict), height in zip(gains, heights, strict=True):
            colour = COLOURS.get(verdict, COLOURS["muted"])
            axes.plot(gain, row + height, "o", color=colour, markersize=4, alpha=0.75, markeredgewidth=0)
        if found.delta_m is not None:
            width = np.nan_to_num(found.delta_m.half_width)
            axes.errorbar(
                found.delta_m.mean, row, xerr=width, fmt="D", color=COLOURS["ink"], capsize=4, markersize=6
            )
    axes.axvline(0, color=COLOURS["muted"], linewidth=1)
    axes.set_yticks(range(len(rows)), [short_name(name, _LONGEST) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("gain of joint training over a separate model, %")


def _dodged(values: Sequence[float]) -> np.ndarray:
    """Move dots up and down in turn, in the order of their values, so that none hides another."""
    steps = np.linspace(-_SPREAD, _SPREAD, 5)
    heights = np.zeros(len(values))
    if len(values) > 1:
        heights[np.argsort(values)] = steps[(2 * np.arange(len(values))) % 5]
    return heights


def _bars(axes: Any, measured: str, figures: Mapping[str, float]) -> None:
    for row, (name, value) in enumerate(figures.items()):
        ours = "polytask" in name
        axes.barh(row, value, color=COLOURS["helped" if ours else "muted"], height=0.62, alpha=0.85)
        axes.text(max(value, 0), row, f" {value:.3g}", va="center", color=COLOURS["ink"], fontsize=9)
    axes.set_yticks(range(len(figures)), [short_name(name, _LONGEST) for name in figures])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(measured)
