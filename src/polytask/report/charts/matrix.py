"""Tables of numbers as shades: confusions of classes, affinities of tasks."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.report.charts.canvas import chart, named
from polytask.report.page import Plot

__all__ = ["affinity_matrix", "confusion_matrix"]

_INK, _GOOD, _BAD, _LINE = "#1b2733", "#0067a6", "#b34700", "#dfe5ea"
_MOST_WRITTEN = 13  # rows of a matrix whose numbers are legible
_STRONGEST = 0.75  # of a shade, on which ink is still legible


def confusion_matrix(classes: Sequence[str], counts: Sequence[Sequence[int]], *, target: str) -> Plot:
    """Draw how often each class (row) was taken for which (column); shades are shares of the row."""
    matrix = np.asarray(counts, dtype=float)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    texts = [[str(int(value)) if value else "" for value in row] for row in matrix]
    colours = [
        [_GOOD if row == column else _BAD for column in range(len(matrix))] for row in range(len(matrix))
    ]
    return _matrix(
        classes,
        shares * _STRONGEST,
        colours,
        texts,
        across="predicted",
        down="true",
        title=f"Confusion matrix of {named(target, 60)}: true classes in rows, predicted ones in columns",
        caption="Rows are true classes, columns predicted ones; the diagonal is right.",
    )


def affinity_matrix(names: Sequence[str], values: Sequence[Sequence[float]], *, meaning: str) -> Plot:
    """Draw how much each task (row) gives to which (column): blue helps, orange hurts."""
    matrix = np.asarray(values, dtype=float)
    known = np.isfinite(matrix)
    strongest = float(np.abs(matrix[known]).max(initial=0.0)) or 1.0
    shades = np.where(known, np.abs(matrix) / strongest, 0.0) * _STRONGEST
    colours = [[_GOOD if value >= 0 else _BAD for value in row] for row in matrix]
    digits = 0 if strongest >= 100 else 1 if strongest >= 10 else 2 if strongest >= 0.1 else 4
    texts = [[f"{value:.{digits}f}" if math.isfinite(value) else "" for value in row] for row in matrix]
    return _matrix(
        names,
        shades,
        colours,
        texts,
        across="to",
        down="from",
        title=f"Relations of tasks: {meaning}; from the tasks in rows to those in columns",
        caption=f"From the task in the row to that in the column: {meaning}. Blue is above 0, orange below.",
    )


def _matrix(
    names: Sequence[str],
    shades: np.ndarray,
    colours: Sequence[Sequence[str]],
    texts: Sequence[Sequence[str]],
    *,
    across: str,
    down: str,
    title: str,
    caption: str,
) -> Plot:
    n_names = len(names)
    small = n_names > _MOST_WRITTEN
    size = 4.8 if small else 3.5
    letters = 8.0 if n_names <= 8 else 6.5 if not small else 4.5

    def draw(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        for row in range(n_names):
            for column in range(n_names):
                shade = float(shades[row, column])
                if shade > 0.005:
                    axes.add_patch(
                        Rectangle(
                            (column - 0.48, row - 0.48), 0.96, 0.96, color=colours[row][column],
                            alpha=round(shade, 2), linewidth=0,
                        )
                    )  # fmt: skip
                if not small and texts[row][column]:
                    axes.text(
                        column,
                        row,
                        texts[row][column],
                        ha="center",
                        va="center",
                        fontsize=letters,
                        color=_INK,
                    )
        shown = [named(name, 12) for name in names]
        axes.set_xticks(
            range(n_names), shown, rotation=40 if n_names < 7 else 90, ha="right", fontsize=letters
        )
        if n_names >= 7:
            for label in axes.get_xticklabels():
                label.set_ha("center")
        axes.set_yticks(range(n_names), shown, fontsize=letters)
        axes.set_xlim(-0.5, n_names - 0.5)
        axes.set_ylim(n_names - 0.5, -0.5)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_xlabel(across)
        axes.set_ylabel(down)

    return chart(
        draw, title=title, caption=caption, height=min(size, 0.34 * n_names + 1.1), width=size, wide=small
    )
