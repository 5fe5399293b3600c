"""Result tables for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from polytask.estimators import FewShotResults, FitResults, TaskResult
from polytask.evaluate import Interval

__all__ = ["few_shot_table", "figure_text", "fit_table", "metric_text"]

_SHARES = ("accuracy", "balanced_accuracy", "auroc", "f1")
_COLOURS = {"helped": "green", "hurt": "red"}


def fit_table(results: FitResults) -> Table:
    """Lay out a fit: per task, separate models against joint training."""
    seeds = f"{results.n_seeds} seed{'s' if results.n_seeds > 1 else ''}"
    table = Table(
        title=f"Held-out rows, {seeds}" + (", 95 % intervals" if results.n_seeds > 1 else ""),
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    compared = results.delta_m is not None
    headings = ["task", "metric", *(["separate"] if compared else []), "joint"]
    headings += ["gain %", "sharing"] if compared else []
    for heading in headings:
        table.add_column(
            heading, no_wrap=True, justify="left" if heading in ("task", "metric", "sharing") else "right"
        )
    for found in results.tasks:
        table.add_row(*_fit_row(found, compared=compared))
    if results.delta_m is not None:
        table.add_section()
        table.add_row("Δm", "", "", "", results.delta_m.format(1), "")
    return table


def _fit_row(found: TaskResult, *, compared: bool) -> list[str]:
    joint = figure_text(found.joint[found.metric], found.metric)
    if not compared or found.gain is None:
        return [found.task, metric_text(found.metric), joint]
    colour = _COLOURS.get(found.verdict)
    verdict = f"[{colour}]{found.verdict}[/]" if colour else found.verdict
    separate = figure_text(found.separate[found.metric], found.metric)
    return [found.task, metric_text(found.metric), separate, joint, found.gain.format(1), verdict]


def few_shot_table(results: Sequence[FewShotResults]) -> Table:
    """Lay out few-shot learners on the same held-out episodes."""
    first = results[0]
    title = (
        f"{first.way}-way {first.shot}-shot, {first.n_episodes} episodes of unseen classes, 95 % intervals"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("learner", "accuracy %", "kind"):
        table.add_column(heading, justify="right" if "%" in heading else "left")
    scores = {"pixel nearest mean": first.floor} | {found.learner: found.score for found in results}
    for name, score in scores.items():
        kind = "transductive" if score.transductive else "inductive"
        table.add_row(name, score.interval.format(1, scale=100), kind)
    return table


def figure_text(interval: Interval, metric: str) -> str:
    """Write a metric: shares in percent, errors in their units with about three significant digits."""
    if metric in _SHARES:
        return interval.format(1, scale=100)
    digits = 3 if abs(interval.mean) < 1 else 2 if abs(interval.mean) < 100 else 0
    return interval.format(digits)


def metric_text(metric: str) -> str:
    """Name a metric with its unit."""
    return f"{metric} %" if metric in _SHARES else metric
