"""What a fit found: joint training against separate models, task by task."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from polytask.core import Interval

__all__ = ["SIGNIFICANT", "FitResults", "TaskResult", "gain_words", "verdict_of"]

SIGNIFICANT = 0.05
"""The adjusted p-value below which a gain is clear."""


def verdict_of(
    gain: Interval | None, p_value: float | None, words: tuple[str, str] = ("helped", "hurt")
) -> str:
    """Return the word for a gain, ``no clear difference``, or ``unknown``.

    Args:
        gain: In percent; None where it is not known.
        p_value: Of no gain, adjusted for the number of questions; None where it is not known.
        words: For a clear gain, and for a clear loss.
    """
    if gain is None or p_value is None:
        return "unknown"
    if p_value >= SIGNIFICANT:
        return "no clear difference"
    return words[0] if gain.mean > 0 else words[1]


def gain_words(gain: Interval | None) -> str:
    """Write how much is gained or lost, as within a sentence.

    Example:
        >>> gain_words(Interval(mean=-3.14, half_width=0.8, n=20)), gain_words(None)
        ('3.1 % ± 0.8', 'an unknown amount')
    """
    return "an unknown amount" if gain is None else f"{abs(gain.mean):.1f} % ± {gain.half_width:.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task's figures on held-out rows: each row is judged by networks that were not trained on it.

    Args:
        task: The task's name.
        kind: Its kind.
        metric: The first metric, the one that is compared.
        joint: Every metric of joint training.
        baseline: Every metric of a model for this task alone; empty without baselines.
        gain: Gain of joint training in percent of the separate model, paired row by row (see
            `polytask.evaluate.gain`); None without baselines, or where it is not known.
        p_value: Of no gain, adjusted for the number of tasks (Holm); None where it is not known.
        constant: Every metric of the constant answer: the training rows' mean or class frequencies.
        better_than_constant: Whether joint training is clearly better than the constant answer (see
            `polytask.fitting.table_verdict.judge`); None where it was not looked at.
        undefined: By metric, how many of its parts (classes, labels) were undefined.
        temperature: By which the logits of classes are divided; 1 for as they are.
        calibration_error: Of classes, how far off the probability of the answer is on average (the expected
            calibration error), ``before`` and ``after`` that; empty for numbers.
        parts: Of a target that a model was given later, how much ``frozen`` networks count in its answers,
            those that were ``tuned`` for it, and a ``linear`` model; empty for others.
        single: Whether the model itself trains the target alone, as a group of its own: then there is nothing
            to compare.
    """

    task: str
    kind: str
    metric: str
    joint: Mapping[str, Interval]
    baseline: Mapping[str, Interval]
    gain: Interval | None
    p_value: float | None = None
    constant: Mapping[str, Interval] = field(default_factory=dict)
    better_than_constant: bool | None = None
    undefined: Mapping[str, int] = field(default_factory=dict)
    temperature: float = 1.0
    calibration_error: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    single: bool = False

    @property
    def verdict(self) -> str:
        """``helped`` by the other tasks, ``hurt``, ``no clear difference``, ``unknown``, or ``alone``."""
        return "alone" if self.single else verdict_of(self.gain, self.p_value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResults:
    """The figures of a fit.

    Args:
        tasks: By task.
        delta_m: Average gain over tasks in percent; None without baselines, or where a gain is not known.
        n_folds: Parts into which the labelled rows were cut; each was judged by networks of the others.
        n_repeats: How often they were dealt anew.
        n_parameters: Of the joint model, and of the separate models together.
        rows: How many rows the table has, how many have a label, and how many were judged.
        steps: For each target the training step whose weights it keeps.
        seconds: Wall time of all training.
        messages: What was noteworthy about the data.
        groups: The targets that are trained together, each in one group; empty where all are. A target that
            is alone counts as a gain of 0 in ``delta_m``.
    """

    tasks: tuple[TaskResult, ...]
    delta_m: Interval | None
    n_folds: int
    n_repeats: int
    n_parameters: Mapping[str, int]
    rows: Mapping[str, int]
    seconds: float
    messages: tuple[str, ...]
    steps: Mapping[str, int] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()

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

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each target: metric, figures with half widths, gain, verdict.

        Unknown figures are NaN. ``constant`` and ``separate`` are the same metric of the constant answer and
        of a model for the target alone.
        """
        return pd.DataFrame([_frame_row(found) for found in self.tasks]).set_index("target")

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; unknown figures are null."""
        return {
            "tasks": [
                {
                    "task": found.task,
                    "kind": found.kind,
                    "metric": found.metric,
                    "joint": {name: _json(interval) for name, interval in found.joint.items()},
                    "separate": {name: _json(interval) for name, interval in found.baseline.items()},
                    "gain_percent": _json(found.gain),
                    "p_value": found.p_value,
                    "verdict": found.verdict,
                    "constant": {name: _json(interval) for name, interval in found.constant.items()},
                    "better_than_constant": found.better_than_constant,
                    "undefined": dict(found.undefined),
                    "temperature": found.temperature,
                    "calibration_error": dict(found.calibration_error),
                }
                for found in self.tasks
            ],
            "delta_m_percent": _json(self.delta_m),
            "n_folds": self.n_folds,
            "n_repeats": self.n_repeats,
            "n_parameters": dict(self.n_parameters),
            "rows": dict(self.rows),
            "seconds": round(self.seconds, 2),
            "messages": list(self.messages),
            "steps": dict(self.steps),
            "groups": [list(group) for group in self.groups],
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote; what that leaves out is as by default.

        Raises:
            KeyError: Something is missing; other errors where it is something else.
        """
        return cls(
            tasks=tuple(_task_from_json(one) for one in data["tasks"]),
            delta_m=_interval(data["delta_m_percent"]),
            n_folds=int(data["n_folds"]),
            n_repeats=int(data["n_repeats"]),
            n_parameters={str(name): int(count) for name, count in data["n_parameters"].items()},
            rows={str(name): int(count) for name, count in data["rows"].items()},
            seconds=float(data["seconds"]),
            messages=tuple(map(str, data["messages"])),
            steps={str(name): int(step) for name, step in data.get("steps", {}).items()},
            groups=tuple(tuple(map(str, group)) for group in data.get("groups", [])),
        )


def _task_from_json(data: Mapping[str, Any]) -> TaskResult:
    def sides(name: str) -> dict[str, Interval]:
        read = {str(metric): _interval(one) for metric, one in data[name].items()}
        return {metric: one for metric, one in read.items() if one is not None}

    better, p_value = data["better_than_constant"], data["p_value"]
    return TaskResult(
        task=str(data["task"]),
        kind=str(data["kind"]),
        metric=str(data["metric"]),
        joint=sides("joint"),
        baseline=sides("separate"),
        gain=_interval(data["gain_percent"]),
        p_value=None if p_value is None else float(p_value),
        constant=sides("constant"),
        better_than_constant=None if better is None else bool(better),
        undefined={str(name): int(count) for name, count in data["undefined"].items()},
        temperature=float(data["temperature"]),
        calibration_error={str(name): float(error) for name, error in data["calibration_error"].items()},
        single=data["verdict"] == "alone",
    )


def _interval(data: Mapping[str, Any] | None) -> Interval | None:
    if data is None:
        return None
    mean, half_width = (
        math.nan if data[part] is None else float(data[part]) for part in ("mean", "half_width")
    )
    return Interval(mean=mean, half_width=half_width, n=int(data["n"]), confidence=float(data["confidence"]))


def _short(interval: Interval | None) -> str:
    return "unknown" if interval is None else f"{interval.mean:.3g}"


def _frame_row(found: TaskResult) -> dict[str, object]:
    def mean(interval: Interval | None) -> float:
        return math.nan if interval is None else interval.mean

    ours = found.joint.get(found.metric)
    return {
        "target": found.task,
        "kind": found.kind,
        "metric": found.metric,
        "joint": mean(ours),
        "half_width": math.nan if ours is None else ours.half_width,
        "constant": mean(found.constant.get(found.metric)),
        "separate": mean(found.baseline.get(found.metric)),
        "gain_percent": mean(found.gain),
        "gain_half_width": math.nan if found.gain is None else found.gain.half_width,
        "p_value": math.nan if found.p_value is None else found.p_value,
        "verdict": found.verdict,
        "better_than_constant": found.better_than_constant,
    }


def _json(interval: Interval | None) -> dict[str, float | int | None] | None:
    return None if interval is None else interval.to_json()
