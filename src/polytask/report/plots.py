"""Pictures for a report, as inline SVG or PNG."""

import base64
import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from polytask.core import Interval, MissingPackageError
from polytask.core.episode_score import EpisodeScore
from polytask.core.names import short_name
from polytask.models.few_shot_results import FewShotResults
from polytask.models.table_results import FitResults

__all__ = ["COLOURS", "accuracy_plot", "drawing", "episode_plot", "gain_plot", "svg_text"]

_INK, _MUTED, _GOOD, _BAD = "#1b2733", "#8a97a5", "#1f8a5b", "#c2453a"
COLOURS = {"ink": _INK, "muted": _MUTED, "helped": _GOOD, "hurt": _BAD}
"""Those of verdicts, of text and of what is less important."""

_LONGEST = 40  # characters of a name in a picture


def gain_plot(results: FitResults) -> str:
    """Draw the gain of joint training over separate models, a row per task, as SVG."""
    rows = [
        (short_name(found.task, _LONGEST), found.gain, found.verdict)
        for found in results.tasks
        if found.gain is not None
    ]
    if results.delta_m is not None:
        rows.append(("Δm, all tasks", results.delta_m, ""))
    with drawing() as pyplot:
        return _gain_plot(pyplot, rows)


def _gain_plot(pyplot: Any, rows: Sequence[tuple[str, Interval, str]]) -> str:
    figure, axes = pyplot.subplots(figsize=(6.4, 0.5 * len(rows) + 0.9))
    for row, (_, interval, verdict) in enumerate(rows):
        colour = {"helped": _GOOD, "hurt": _BAD}.get(verdict, _INK)
        width = 0.0 if np.isnan(interval.half_width) else interval.half_width
        axes.errorbar(
            interval.mean, row, xerr=width, fmt="o", color=colour, capsize=3, markersize=6, linewidth=1.6
        )
    axes.axvline(0, color=_MUTED, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.margins(y=0.25)
    axes.set_xlabel("gain of joint training over a separate model, % (95 % interval)")
    return svg_text(pyplot, figure, axes)


def accuracy_plot(results: Sequence[FewShotResults]) -> str:
    """Draw few-shot accuracies with their intervals, as SVG."""
    scores = [
        ("pixel nearest mean", results[0].baseline),
        *((found.learner, found.score) for found in results),
    ]
    with drawing() as pyplot:
        return _accuracy_plot(pyplot, scores, chance=100 / results[0].way)


def _accuracy_plot(pyplot: Any, scores: Sequence[tuple[str, EpisodeScore]], *, chance: float) -> str:
    figure, axes = pyplot.subplots(figsize=(6.4, 0.5 * len(scores) + 0.9))
    for row, (_, score) in enumerate(scores):
        mean, width = 100 * score.interval.mean, np.nan_to_num(100 * score.interval.half_width)
        axes.barh(row, mean, color=_MUTED if row == 0 else _GOOD, height=0.55, alpha=0.85)
        axes.errorbar(mean, row, xerr=width, color=_INK, capsize=3, linewidth=1.4)
        axes.text(mean + width + 1, row, f"{mean:.1f}", va="center", color=_INK)
    axes.axvline(chance, color=_BAD, linewidth=1, linestyle=":")
    axes.text(chance + 0.7, -0.62, "chance", color=_BAD, fontsize=8, va="center")
    axes.set_yticks(range(len(scores)), [name for name, _ in scores])
    axes.set_xlim(0, 100)
    axes.set_ylim(len(scores) - 0.4, -0.9)
    axes.set_xlabel("accuracy on unseen classes, % (95 % interval)")
    return svg_text(pyplot, figure, axes)


def episode_plot(support: Tensor, query: Tensor, predictions: Sequence[int], truth: Sequence[int]) -> str:
    """Draw one episode as PNG: a row per class, its support image and the queries that were put there.

    Args:
        support: ``[class, 1, height, width]``, the first support image of each class.
        query: ``[query, 1, height, width]``.
        predictions: The class that the learner gave each query.
        truth: Its true class.

    Returns:
        A data address for an ``img`` element.
    """
    with drawing() as pyplot:
        return _episode_plot(pyplot, support, query, predictions, truth)


def _episode_plot(
    pyplot: Any, support: Tensor, query: Tensor, predictions: Sequence[int], truth: Sequence[int]
) -> str:
    n_classes = len(support)
    placed = [[i for i, answer in enumerate(predictions) if answer == row] for row in range(n_classes)]
    n_columns = 1 + max(map(len, placed))
    figure, grid = pyplot.subplots(
        n_classes, n_columns, figsize=(0.62 * n_columns, 0.62 * n_classes), squeeze=False
    )
    for row, members in enumerate(placed):
        for column, axes in enumerate(grid[row]):
            axes.set_xticks([])
            axes.set_yticks([])
            images = [support[row], *(query[i] for i in members)]
            right = column == 0 or (column <= len(members) and truth[members[column - 1]] == row)
            for spine in axes.spines.values():
                spine.set_visible(column < len(images))
                spine.set_color(_INK if column == 0 else _GOOD if right else _BAD)
                spine.set_linewidth(2.2 if column == 0 or not right else 1.2)
            if column < len(images):
                axes.imshow(255 - images[column][0].numpy(), cmap="gray", vmin=0, vmax=255)
    figure.subplots_adjust(wspace=0.12, hspace=0.12, left=0.01, right=0.99, top=0.99, bottom=0.01)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=140)
    pyplot.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@contextlib.contextmanager
def drawing() -> Iterator[Any]:
    """Give `matplotlib.pyplot`, drawing to files, in which a name is text: no formula between ``$`` signs.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingPackageError("matplotlib", extra="report", purpose="the report's pictures") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "text.usetex": False,
        "axes.formatter.use_mathtext": False,
        "axes.unicode_minus": False,
        "svg.hashsalt": "polytask",  # the same picture has the same bytes
        "svg.fonttype": "none",  # the reader's fonts know scripts that ours lack
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield pyplot


def svg_text(pyplot: Any, canvas: Any, *panels: Any) -> str:
    """Return a drawing with plain panels as inline SVG, and close it."""
    for axes in panels:
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="y", length=0)
    canvas.tight_layout()
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    pyplot.close(canvas)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
