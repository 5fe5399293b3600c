"""What a fit found: joint training against separate models, task by task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polytask.core import Task
from polytask.evaluate import Interval, delta_m, gain, mean_interval, metric_names

__all__ = ["FitResults", "TaskResult", "summarize"]

Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task's figures on held-out rows, over seeds.

    Args:
        task: The task's name.
        kind: Its kind.
        metric: The first metric, the one that is compared.
        joint: Every metric of joint training.
        separate: Every metric of a model for this task alone; empty without baselines.
        gain: Gain of joint training in percent of the separate model, paired by seed; None without baselines.
    """

    task: str
    kind: str
    metric: str
    joint: Mapping[str, Interval]
    separate: Mapping[str, Interval]
    gain: Interval | None

    @property
    def verdict(self) -> str:
        """``helped`` by the other tasks, ``hurt``, ``unclear``, or ``unknown``."""
        if self.gain is None or math.isnan(self.gain.half_width):
            return "unknown"
        if self.gain.low > 0:
            return "helped"
        return "hurt" if self.gain.high < 0 else "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResults:
    """The figures of a fit.

    Args:
        tasks: By task.
        delta_m: Average gain over tasks in percent; None without baselines.
        n_seeds: How many splits and initializations were averaged.
        n_parameters: Of the joint model, and of the separate models together.
        rows: How many rows trained, validated and tested, for the first seed.
        seconds: Wall time of all training.
        messages: What was noteworthy about the data.
    """

    tasks: tuple[TaskResult, ...]
    delta_m: Interval | None
    n_seeds: int
    n_parameters: Mapping[str, int]
    rows: Mapping[str, int]
    seconds: float
    messages: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; unknown figures are null."""
        return {
            "tasks": [
                {
                    "task": found.task,
                    "kind": found.kind,
                    "metric": found.metric,
                    "joint": {name: _json(interval) for name, interval in found.joint.items()},
                    "separate": {name: _json(interval) for name, interval in found.separate.items()},
                    "gain_percent": _json(found.gain),
                    "verdict": found.verdict,
                }
                for found in self.tasks
            ],
            "delta_m_percent": _json(self.delta_m),
            "n_seeds": self.n_seeds,
            "n_parameters": dict(self.n_parameters),
            "rows": dict(self.rows),
            "seconds": round(self.seconds, 2),
            "messages": list(self.messages),
        }


def summarize(
    tasks: Sequence[Task],
    joint: Sequence[Metrics],
    separate: Sequence[Metrics],
    *,
    n_parameters: Mapping[str, int],
    rows: Mapping[str, int],
    seconds: float,
    messages: Sequence[str],
    test_over_train: float = 0.0,
) -> FitResults:
    """Average metrics over seeds.

    Args:
        tasks: The tasks.
        joint: For each seed, ``{task: {metric: value}}`` of joint training.
        separate: The same for separate models; empty without baselines.
        n_parameters: See `FitResults`.
        rows: See `FitResults`.
        seconds: See `FitResults`.
        messages: See `FitResults`.
        test_over_train: See `mean_interval`; 0 where every seed has the same split.
    """
    found = []
    for task in tasks:
        gains = [gain(task, one[task.name], other[task.name]) for one, other in zip(joint, separate)]
        found.append(
            TaskResult(
                task=task.name,
                kind=task.kind,
                metric=metric_names(task)[0],
                joint=_intervals(task, joint, test_over_train),
                separate=_intervals(task, separate, test_over_train),
                gain=mean_interval(gains, test_over_train=test_over_train) if gains else None,
            )
        )
    deltas = [delta_m(tasks, one, other) for one, other in zip(joint, separate)]
    return FitResults(
        tasks=tuple(found),
        delta_m=mean_interval(deltas, test_over_train=test_over_train) if deltas else None,
        n_seeds=len(joint),
        n_parameters=n_parameters,
        rows=rows,
        seconds=seconds,
        messages=tuple(messages),
    )


def _intervals(task: Task, seeds: Sequence[Metrics], test_over_train: float) -> dict[str, Interval]:
    """Average each metric over the seeds where it is defined."""
    intervals = {}
    for metric in metric_names(task):
        values = [one[task.name][metric] for one in seeds if not math.isnan(one[task.name][metric])]
        if values:
            intervals[metric] = mean_interval(values, test_over_train=test_over_train)
    return intervals


def _json(interval: Interval | None) -> dict[str, float | int | None] | None:
    if interval is None:
        return None
    half_width = None if math.isnan(interval.half_width) else interval.half_width
    return {
        "mean": interval.mean,
        "half_width": half_width,
        "n": interval.n,
        "confidence": interval.confidence,
    }
