"""A verdict for every task: did training with the others help it?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from polytask.core import InputError, Interval, Task, mean_interval
from polytask.evaluate import gain

__all__ = ["Outcome", "Verdict", "verdicts"]

Outcome: TypeAlias = Literal["helped", "hurt", "indifferent", "unclear", "unknown"]
"""``indifferent``: the gain is surely small. ``unclear``: it may be large, of either sign. ``unknown``: one
run cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What training with other tasks did to a task.

    Args:
        task: The task's name.
        gain: Of joint over separate training, in percent of the separate model's first metric.
        outcome: In a word.
    """

    task: str
    gain: Interval
    outcome: Outcome


def verdicts(
    tasks: Sequence[Task],
    joint: Sequence[Mapping[str, Mapping[str, float]]],
    baseline: Sequence[Mapping[str, Mapping[str, float]]],
    *,
    smallest: float = 1.0,
    confidence: float = 0.95,
    test_over_train: float = 0.0,
) -> tuple[Verdict, ...]:
    """Judge for every task whether joint training helped it.

    Args:
        tasks: The tasks; the first metric of each is compared.
        joint: For every run, the metrics of joint training as `polytask.evaluate.evaluate` gives them.
        baseline: Those of a model per task, from runs with the same splits and seeds.
        smallest: The smallest gain that matters, in percent; an interval within it is ``indifferent``.
        confidence: The coverage of the intervals.
        test_over_train: See `polytask.core.mean_interval`; for runs on repeated random splits.

    Raises:
        InputError: There is no run, runs do not pair, a task lacks metrics, or ``smallest`` is negative.

    Example:
        >>> task = Task(name="y", kind="regression", metrics=("r2",))
        >>> joint = [{"y": {"r2": value}} for value in (0.80, 0.82, 0.81)]
        >>> baseline = [{"y": {"r2": value}} for value in (0.70, 0.71, 0.70)]
        >>> (found,) = verdicts([task], joint, baseline)
        >>> found.outcome, found.gain.format(1)
        ('helped', '15.2 ± 1.9')
    """
    if not joint or len(joint) != len(baseline):
        raise InputError(
            f"Joint and baseline runs must pair, and there must be one; got {len(joint)} and {len(baseline)}."
        )
    if smallest < 0:
        raise InputError(f"`smallest` must not be negative, got {smallest}.")
    lacking = [task.name for task in tasks if any(task.name not in run for run in [*joint, *baseline])]
    if lacking:
        raise InputError(f"A run has no metrics of {', '.join(lacking)}; judge the tasks that every run has.")
    found = []
    for task in tasks:
        gains = [gain(task, ours[task.name], theirs[task.name]) for ours, theirs in zip(joint, baseline)]
        interval = mean_interval(gains, confidence=confidence, test_over_train=test_over_train)
        found.append(Verdict(task=task.name, gain=interval, outcome=_outcome(interval, smallest)))
    return tuple(found)


def _outcome(gain: Interval, smallest: float) -> Outcome:
    if math.isnan(gain.half_width):
        return "unknown"
    if gain.half_width == 0 and abs(gain.mean) > smallest:
        return "unclear"  # counts tie by chance; equal gains do not tell how far they vary
    if gain.low > 0:
        return "indifferent" if gain.high <= smallest else "helped"
    if gain.high < 0:
        return "indifferent" if gain.low >= -smallest else "hurt"
    return "indifferent" if max(-gain.low, gain.high) <= smallest else "unclear"
