"""Tables of numbers as shades: confusions of classes, affinities of tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polytask.report.charts.canvas import named
from polytask.report.charts.svg import svg_plot, svg_text, text_width
from polytask.report.page import Plot

__all__ = ["affinity_matrix", "confusion_matrix"]

_GOOD, _BAD = "good", "bad"  # colours of the page
_MOST_WRITTEN = 13  # rows of a matrix whose numbers are legible
_STRONGEST = 0.75  # of a shade, on which ink is still legible
_INCH = 72  # points
_AXIS = 8.5  # size of the letters that say what rows and columns are
_EDGE, _GAP = 3.0, 4.0  # points


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
    shown = [named(name, 12) for name in names]
    place = _Place.beside(shown, letters, width=_INCH * size, height=_INCH * min(size, 0.34 * n_names + 1.1))
    elements = []
    for row in range(n_names):
        for column in range(n_names):
            shade, text = float(shades[row, column]), "" if small else texts[row][column]
            x, y = place.middle(row, column)
            if shade > 0.005:
                elements.append(
                    f'<rect x="{x - 0.48 * place.across:.1f}" y="{y - 0.48 * place.down:.1f}" '
                    f'width="{0.96 * place.across:.1f}" height="{0.96 * place.down:.1f}" '
                    f'style="fill:var(--{colours[row][column]});opacity:{shade:.2f}"/>\n'
                )
            if text:
                elements.append(svg_text(text, x, y, size=letters))
    bottom = place.top + n_names * place.down
    for index, name in enumerate(shown):
        x, y = place.middle(index, index)
        elements.append(svg_text(name, place.left - _GAP, y, size=letters, anchor="end", colour="muted"))
        below = {"size": letters, "anchor": "end", "colour": "muted", "turn": -place.turn}
        elements.append(svg_text(name, x, bottom + _GAP + 0.3 * letters, **below))
    middle = (place.left + (place.width - _EDGE)) / 2, (place.top + bottom) / 2
    elements.append(svg_text(across, middle[0], place.height - _AXIS / 2, size=_AXIS, colour="muted"))
    elements.append(svg_text(down, _AXIS / 2 + 1, middle[1], size=_AXIS, colour="muted", turn=-90))
    return svg_plot(
        "".join(elements), width=place.width, height=place.height, title=title, caption=caption, wide=small
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the cells of a matrix are, in points: `across` and `down` are the sides of one."""

    width: float
    height: float
    left: float
    top: float
    across: float
    down: float
    turn: int

    @classmethod
    def beside(cls, shown: Sequence[str], letters: float, *, width: float, height: float) -> "_Place":
        """Leave room for the names of rows and columns; those of few columns are turned less."""
        longest = max((text_width(name, letters) for name in shown), default=0.0)
        turn = 40 if len(shown) < 7 else 90
        slope = math.radians(turn)
        left = _AXIS + 2 * _GAP + longest
        below = _AXIS + 2.5 * _GAP + longest * math.sin(slope) + letters * math.cos(slope)
        n_names = max(len(shown), 1)
        height = max(height, below + _EDGE + 1.2 * letters * n_names)  # a row is as high as its name
        across, down = (width - left - _EDGE) / n_names, (height - below - _EDGE) / n_names
        return cls(width=width, height=height, left=left, top=_EDGE, across=across, down=down, turn=turn)

    def middle(self, row: int, column: int) -> tuple[float, float]:
        """Return where the middle of a cell is."""
        return self.left + (column + 0.5) * self.across, self.top + (row + 0.5) * self.down
