"""What a fit found: joint training against separate models, task by task."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polytask.core import Interval

__all__ = ["FitResults", "TaskResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task's figures on held-out rows, over seeds.

    Args:
        task: The task's name.
        kind: Its kind.
        metric: The first metric, the one that is compared.
        joint: Every metric of joint training.
        baseline: Every metric of a model for this task alone; empty without baselines.
        gain: Gain of joint training in percent of the separate model, paired by seed, over the seeds where it
            is known (see `polytask.evaluate.gain`); None without baselines, or where it is known for none.
        constant: Every metric of the constant answer: the training rows' mean or class frequencies.
        better_than_constant: Whether joint training is clearly better than the constant answer (see
            `polytask.evaluate.skill.clearly_ahead`); None where it was not looked at.
        undefined: By metric, how many of its parts (classes, labels) were undefined, over all seeds.
    """

    task: str
    kind: str
    metric: str
    joint: Mapping[str, Interval]
    baseline: Mapping[str, Interval]
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
                    "separate": {name: _json(interval) for name, interval in found.baseline.items()},
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


def _short(interval: Interval | None) -> str:
    return "unknown" if interval is None else f"{interval.mean:.3g}"


def _json(interval: Interval | None) -> dict[str, float | int | None] | None:
    return None if interval is None else interval.to_json()
