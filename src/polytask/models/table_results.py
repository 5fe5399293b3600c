"""What a fit found: joint training against separate models, task by task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polytask.core import Interval, Task, mean_interval
from polytask.evaluate import TaskMetrics, delta_m, gain, metric_names

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
        gain: Gain of joint training in percent of the separate model, paired by seed, over the seeds where it
            is known (see `polytask.evaluate.gain`); None without baselines, or where it is known for none.
        constant: Every metric of the constant answer: the training rows' mean or class frequencies.
        better_than_constant: Whether joint training is clearly better than the constant answer (see
            `polytask.evaluate.clearly_ahead`); None where it was not looked at.
        undefined: By metric, how many of its parts (classes, labels) were undefined, over all seeds.
    """

    task: str
    kind: str
    metric: str
    joint: Mapping[str, Interval]
    separate: Mapping[str, Interval]
    gain: Interval | None
    constant: Mapping[str, Interval] = field(default_factory=dict)
    better_than_constant: bool | None = None
    undefined: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``helped`` by the other tasks, ``hurt``, ``unclear``, or ``unknown``."""
        if self.gain is None or math.isnan(self.gain.half_width):
            return "unknown"
        if self.gain.half_width == 0:  # counts tie by chance; equal gains do not tell how far they vary
            return "unclear"
        if self.gain.low > 0:
            return "helped"
        return "hurt" if self.gain.high < 0 else "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResults:
    """The figures of a fit.

    Args:
        tasks: By task.
        delta_m: Average gain over tasks in percent, over the seeds where all gains are known; None without
            baselines, or where it is known for no seed.
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

    @property
    def not_better_than_constant(self) -> tuple[str, ...]:
        """The tasks in which joint training is not clearly better than a constant answer."""
        return tuple(found.task for found in self.tasks if found.better_than_constant is False)

    def shortfall(self) -> str | None:
        """Say where the model is not clearly better than a constant answer; None where it always is."""
        texts = []
        for found in self.tasks:
            if found.better_than_constant is False:
                ours, constant = found.joint.get(found.metric), found.constant.get(found.metric)
                figures = f" ({found.metric} {_short(ours)}, constant {_short(constant)})"
                texts.append(f"{found.task!r}{figures}")
        if not texts:
            return None
        return (
            "On held-out rows the model is not clearly better than a constant answer for "
            f"{', '.join(texts)}. Do not rely on these predictions: add rows, or columns that tell about the "
            "target, or raise `epochs`."
        )

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
                    "constant": {name: _json(interval) for name, interval in found.constant.items()},
                    "better_than_constant": found.better_than_constant,
                    "undefined": dict(found.undefined),
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
    constant: Sequence[Metrics] = (),
    better: Mapping[str, bool] | None = None,
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
        constant: The same as ``joint`` for the constant answer; empty if it was not looked at.
        better: By task, see `TaskResult.better_than_constant`.
    """
    found = []
    for task in tasks:
        pairs = [(one[task.name], other[task.name]) for one, other in _both(task, joint, separate)]
        found.append(
            TaskResult(
                task=task.name,
                kind=task.kind,
                metric=metric_names(task)[0],
                joint=_intervals(task, joint, test_over_train),
                separate=_intervals(task, separate, test_over_train),
                gain=_mean([gain(task, one, other) for one, other in pairs], test_over_train),
                constant=_intervals(task, constant, test_over_train),
                better_than_constant=(better or {}).get(task.name),
                undefined=_undefined(task, joint),
            )
        )
    complete = [
        (one, other)
        for one, other in zip(joint, separate)
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


def _both(task: Task, joint: Sequence[Metrics], separate: Sequence[Metrics]) -> list[tuple[Metrics, Metrics]]:
    """Pair the seeds in which both have test labels of a task."""
    return [(one, other) for one, other in zip(joint, separate) if task.name in one and task.name in other]


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


def _short(interval: Interval | None) -> str:
    return "unknown" if interval is None else f"{interval.mean:.3g}"


def _json(interval: Interval | None) -> dict[str, float | int | None] | None:
    return None if interval is None else interval.to_json()
