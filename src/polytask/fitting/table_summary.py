"""Metrics of every seed to the results of a fit."""

import math
from collections.abc import Mapping, Sequence

from polytask.core import Interval, Task, mean_interval
from polytask.evaluate import delta_m, gain, metric_names
from polytask.evaluate.metrics import TaskMetrics
from polytask.models.table_results import FitResults, TaskResult

__all__ = ["Metrics", "summarize"]

Metrics = Mapping[str, Mapping[str, float]]
"""By task and metric."""


def summarize(
    tasks: Sequence[Task],
    joint: Sequence[Metrics],
    baseline: Sequence[Metrics],
    *,
    n_parameters: Mapping[str, int],
    rows: Mapping[str, int],
    seconds: float,
    messages: Sequence[str],
    test_over_train: float = 0.0,
    constant: Sequence[Metrics] = (),
    better: Mapping[str, bool] | None = None,
) -> FitResults:
    """Average metrics over seeds.

    Args:
        tasks: The tasks.
        joint: For each seed, ``{task: {metric: value}}`` of joint training.
        baseline: The same for separate models; empty without baselines.
        n_parameters: See `FitResults`.
        rows: See `FitResults`.
        seconds: See `FitResults`.
        messages: See `FitResults`.
        test_over_train: See `mean_interval`; 0 where every seed has the same split.
        constant: The same as ``joint`` for the constant answer; empty if it was not looked at.
        better: By task, see `TaskResult.better_than_constant`.
    """
    found = []
    for task in tasks:
        pairs = [(one[task.name], other[task.name]) for one, other in _both(task, joint, baseline)]
        found.append(
            TaskResult(
                task=task.name,
                kind=task.kind,
                metric=metric_names(task)[0],
                joint=_intervals(task, joint, test_over_train),
                baseline=_intervals(task, baseline, test_over_train),
                gain=_mean([gain(task, one, other) for one, other in pairs], test_over_train),
                constant=_intervals(task, constant, test_over_train),
                better_than_constant=(better or {}).get(task.name),
                undefined=_undefined(task, joint),
            )
        )
    complete = [
        (one, other)
        for one, other in zip(joint, baseline)
        if all(task.name in one and task.name in other for task in tasks)
    ]
    return FitResults(
        tasks=tuple(found),
        delta_m=_mean([delta_m(tasks, one, other) for one, other in complete], test_over_train),
        n_seeds=len(joint),
        n_parameters=n_parameters,
        rows=rows,
        seconds=seconds,
        messages=tuple(messages),
    )


def _both(task: Task, joint: Sequence[Metrics], baseline: Sequence[Metrics]) -> list[tuple[Metrics, Metrics]]:
    """Pair the seeds in which both have test labels of a task."""
    return [(one, other) for one, other in zip(joint, baseline) if task.name in one and task.name in other]


def _intervals(task: Task, seeds: Sequence[Metrics], test_over_train: float) -> dict[str, Interval]:
    """Average each metric over the seeds where it is defined."""
    intervals = {}
    for metric in metric_names(task):
        values = [one[task.name][metric] for one in seeds if task.name in one]
        if (interval := _mean(values, test_over_train)) is not None:
            intervals[metric] = interval
    return intervals


def _mean(values: Sequence[float], test_over_train: float) -> Interval | None:
    """Average the values that are known; None if none is."""
    known = [value for value in values if not math.isnan(value)]
    return mean_interval(known, test_over_train=test_over_train) if known else None


def _undefined(task: Task, seeds: Sequence[Metrics]) -> dict[str, int]:
    """Count the undefined parts of each metric over the seeds."""
    counts: dict[str, int] = {}
    for one in seeds:
        metrics = one.get(task.name)
        if isinstance(metrics, TaskMetrics):
            for name, count in metrics.undefined.items():
                counts[name] = counts.get(name, 0) + count
    return counts
