"""The figures of trainings, thinned out to what a picture shows."""

import math
from collections.abc import Mapping, Sequence

from polytask.models.report_details import Curve, thinned

__all__ = ["training_curves"]

_MOST_TRAININGS, _MOST_LINES = 4, 12
_SINGLE = " alone"  # at the end of the title of a training of one target
_MEASURED = ("loss", "weight", "conflict", "score")


def training_curves(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> tuple[Curve, ...]:
    """Return the curves of the trainings of all targets together.

    Of trainings fold after fold the first one is kept, and of many targets the first dozen.

    Args:
        rows: By title of the training its rows, as `polytask.train.Training.rows`, by step or by epoch.

    Example:
        >>> rows = [{"epoch": 1.0, "loss/a": 2.0}, {"epoch": 2.0, "loss/a": 1.0}]
        >>> training_curves({"networks joint": rows})[0].lines
        {'a': (2.0, 1.0)}
    """
    titles = [title for title in rows if not title.endswith(_SINGLE) and len(rows[title]) > 1]
    first = [title for title in titles if _of_first_fold(title)]
    return tuple(curve for title in first[:_MOST_TRAININGS] for curve in _curves(title, thinned(rows[title])))


def _of_first_fold(title: str) -> bool:
    """Tell whether a training is not that of a later fold."""
    if "repeat " not in title:
        return True
    return "repeat 1 fold 1 " in title


def _curves(title: str, rows: Sequence[Mapping[str, float]]) -> list[Curve]:
    unit = "epoch" if "epoch" in rows[0] else "step"
    keys = list(dict.fromkeys(key for row in rows for key in row))
    curves = []
    for measured in _MEASURED:
        own = [key for key in keys if key == measured or key.startswith(f"{measured}/")][:_MOST_LINES]
        lines = {
            key.removeprefix(f"{measured}/"): tuple(_figure(row.get(key)) for row in rows) for key in own
        }
        if lines and not (
            measured == "weight" and len(lines) == 1
        ):  # one task has nothing to be weighed against
            at = tuple(float(row[unit]) for row in rows)
            curves.append(Curve(title=title, measured=measured, unit=unit, at=at, lines=lines))
    return curves


def _figure(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
