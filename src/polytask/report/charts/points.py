"""Predictions beside labels: points of numbers, and how far off they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["points", "residuals"]

_INK, _MUTED, _GOOD, _LINE = "#1b2733", "#5d6b79", "#0067a6", "#dfe5ea"
_BINS = 17


def points(truth: Sequence[float], predicted: Sequence[float], *, target: str) -> Plot:
    """Draw each label, and what was predicted for it; on the line the two are the same."""
    low, high = _range([*truth, *predicted])

    def draw(axes: Any) -> None:
        axes.plot([low, high], [low, high], color=_MUTED, linewidth=1)
        axes.plot(
            truth, predicted, "o", color=_GOOD, markersize=3.2, alpha=0.55, markeredgewidth=0, linestyle=""
        )
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_xlabel(f"true {named(target, 30)}")
        axes.set_ylabel("predicted")
        axes.locator_params(nbins=5)

    return chart(
        draw,
        title=f"Predicted against true {named(target, 60)}, {len(truth)} held-out rows",
        caption=f"{len(truth)} held-out rows; on the line the prediction is right.",
        height=2.9,
    )


def residuals(truth: Sequence[float], predicted: Sequence[float], *, target: str) -> Plot:
    """Draw how often predictions are how far off."""
    errors = np.asarray(predicted) - np.asarray(truth)
    reach = float(np.abs(errors).max(initial=0.0)) or 1.0

    def draw(axes: Any) -> None:
        axes.hist(errors, bins=np.linspace(-reach, reach, _BINS + 1), color=_GOOD, alpha=0.8, rwidth=0.92)
        axes.axvline(0, color=_MUTED, linewidth=1)
        axes.set_xlabel(f"predicted minus true {named(target, 24)}")
        axes.set_ylabel("rows")
        axes.locator_params(nbins=5)

    return chart(
        draw,
        title=f"Errors for {named(target, 60)}: how many rows are how far off",
        caption="How many rows are predicted too low (left) or too high (right).",
        height=2.9,
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = float(min(values)), float(max(values))
    margin = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin
