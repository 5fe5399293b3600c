"""What happened during training, as a picture."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polytask.core import InputError
from polytask.core.files import write_atomically
from polytask.core.names import short_name
from polytask.report.drawing import drawing

__all__ = ["training_plot"]

_PANELS = {"loss": "loss", "weight": "weight", "norm": "gradient norm"}
_MOST = 12


def training_plot(rows: Sequence[Mapping[str, float]], file: str | Path) -> None:
    """Draw losses, weights, gradient norms, conflicts and the cosines between the tasks' gradients.

    What the balancer did not look at is left out. Of more than 12 tasks, the lines of the first 12 are drawn.

    Args:
        rows: `polytask.train.Training.rows`, or the rows of a ``metrics.csv``; two or more.
        file: Where the picture goes; its ending says the format, such as ``.png`` or ``.svg``.

    Raises:
        InputError: There are fewer than two rows, or they have no losses.
        MissingPackageError: matplotlib is not installed.
    """
    names = [key.removeprefix("loss/") for key in (rows[-1] if rows else {}) if key.startswith("loss/")]
    if len(rows) < 2 or not names:
        raise InputError(
            f"A picture needs two or more rows with losses, got {len(rows)}; lower `validate_every`, which "
            "also says how often `train` writes a row."
        )
    kinds = [kind for kind in _PANELS if any(f"{kind}/{name}" in row for row in rows for name in names)]
    conflicts = any("conflict" in row for row in rows)
    cosines = _cosines(rows, names)
    with drawing() as pyplot:
        _draw(pyplot, rows, names, kinds, cosines, conflicts=conflicts, path=Path(file))


def _draw(
    pyplot: Any,
    rows: Sequence[Mapping[str, float]],
    names: Sequence[str],
    kinds: Sequence[str],
    cosines: list[list[float]] | None,
    *,
    conflicts: bool,
    path: Path,
) -> None:
    n_panels = len(kinds) + conflicts + (cosines is not None)
    figure, grid = pyplot.subplots(
        1, n_panels, figsize=(3.6 * n_panels, 3.2), layout="constrained", squeeze=False
    )
    panels = iter(grid[0])
    for kind in kinds:
        _lines(next(panels), rows, {name: f"{kind}/{name}" for name in names[:_MOST]}, _PANELS[kind])
    if conflicts:
        axes = next(panels)
        _lines(axes, rows, {"conflict": "conflict"}, "share of pairs in conflict")
        axes.set_ylim(-0.02, 1.02)
    if cosines is not None:
        _heat(next(panels), cosines, names)
    grid[0, 0].legend(fontsize=7, frameon=False)
    try:
        write_atomically(
            path, lambda out: figure.savefig(out, format=path.suffix.lstrip(".") or "png", dpi=120)
        )
    finally:
        pyplot.close(figure)


def _lines(axes: Any, rows: Sequence[Mapping[str, float]], keys: Mapping[str, str], title: str) -> None:
    for name, key in keys.items():
        points = [(row["step"], row[key]) for row in rows if key in row]
        axes.plot(*zip(*points), label=_shown(name), linewidth=1.4) if points else None
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _cosines(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> list[list[float]] | None:
    """Return the mean of the cosines over the rows; None where there are none."""

    def mean(first: str, second: str) -> float:
        found = [row[key] for row in rows for key in _keys(first, second) if key in row]
        return sum(found) / len(found) if found else math.nan

    table = [[1.0 if a == b else mean(a, b) for b in names] for a in names]
    seen = any(not math.isnan(table[i][j]) for i in range(len(names)) for j in range(i))
    return table if seen else None


def _shown(name: str) -> str:
    """Write a name for a picture; a leading underscore would hide it from the legend."""
    text = short_name(name, 30)
    return f" {text}" if text.startswith("_") else text


def _keys(first: str, second: str) -> tuple[str, str]:
    return f"cosine/{first}/{second}", f"cosine/{second}/{first}"


def _heat(axes: Any, table: list[list[float]], names: Sequence[str]) -> None:
    axes.imshow(table, cmap="RdBu", vmin=-1, vmax=1)
    places = range(len(names))
    shown = [_shown(name) for name in names]
    axes.set_xticks(places, shown, rotation=45, ha="right", fontsize=7)
    axes.set_yticks(places, shown, fontsize=7)
    if len(names) <= _MOST:
        for row in places:
            for column in places:
                value = table[row][column]
                axes.text(
                    column, row, f"{value:.2f}", ha="center", va="center", fontsize=6,
                    color="white" if abs(value) > 0.6 else "black",
                )  # fmt: skip
    axes.set_title("mean cosine of gradients", fontsize=9)
