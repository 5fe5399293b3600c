"""Pilot study: predicts what joint training will bring every task from short runs of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from polytask.core import InputError, Task
from polytask.relate.compared import Metrics, with_compared
from polytask.relate.verdict import Verdict, verdicts

__all__ = ["Pilot", "PilotFit", "pilot_gains"]

PilotFit: TypeAlias = Callable[[Sequence[Task], int, float], Metrics]
"""Trains a fresh model for some tasks with a seed, at a share of the full budget; returns its metrics on
validation examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What a pilot study found.

    Args:
        verdicts: By task: its gain in the pilot, of joint over separate training, and what is predicted.
        shares: By task, the share of the full budget of the longest runs that its gain comes from.
        cost: Work done, as a share of the same comparison with full runs of the same seeds; every run counts
            with its share of a full one, and joint runs as much as those of one task.
    """

    verdicts: tuple[Verdict, ...]
    shares: Mapping[str, float]
    cost: float

    def gains(self) -> dict[str, float]:
        """Return the predicted gain of every task, in percent of its first metric when alone."""
        return {verdict.task: verdict.gain.mean for verdict in self.verdicts}


def pilot_gains(
    fit: PilotFit,
    tasks: Sequence[Task],
    *,
    shares: Sequence[float] = (0.05, 0.2),
    seeds: Sequence[int] = (0, 1, 2, 3),
    smallest: float = 1.0,
    confidence: float = 0.95,
    test_over_train: float = 0.0,
) -> Pilot:
    r"""Predict which tasks joint training of all will help or hurt, by short runs of both.

    Train all tasks together and each one alone, at the smallest share of the full budget. Tasks whose
    gain is surely large or surely small are decided; the others are trained anew at the next share, until all
    are decided or the shares are used up. A joint run always has all tasks.

    The intervals are those of the gain in the pilot, over seeds. What happens between the last share and full
    training they do not cover: gains may shrink as models converge, and overfitting that joint training
    prevents comes late. As undecided tasks are looked at up to once a share, each look has the confidence
    :math:`1 - (1 - c) / K` for :math:`K` shares, so that one task is judged wrongly in all looks together
    with a chance of :math:`1 - c` at most.

    Args:
        fit: ``fit(tasks, seed, share)`` trains a fresh model with, for example, ``round(share * n_steps)``
            steps and its learning-rate schedule over these, or with that share of rows and parameters, and
            returns ``{task: {metric: value}}`` on validation examples. The seed should decide the split and
            the initial weights, so that runs of one seed differ in their tasks alone.
        tasks: The tasks; the first metric of each is compared.
        shares: Of the full budget, growing, each above 0 and at most 1.
        seeds: Two at least, for an interval.
        smallest: The smallest gain that matters, in percent; see `polytask.relate.verdicts`.
        confidence: The coverage of an interval, over all looks at a task.
        test_over_train: See `polytask.core.mean_interval`; validation rows over training rows, for seeds
            that are repeated random splits.

    Raises:
        InputError: There are fewer than two tasks or seeds, a name or a seed occurs twice, the shares do not
            grow within (0, 1], ``confidence`` is not within (0, 1), or a run lacks a metric that is compared.

    Example:
        >>> tasks = [Task(name=name, kind="regression", metrics=("rmse",)) for name in ("a", "b")]
        >>> def fit(tasks, seed, share):
        ...     noise = 0.01 * seed / share
        ...     return {task.name: {"rmse": 1.0 - 0.3 * (task.name == "a" and len(tasks) == 2) + noise}
        ...             for task in tasks}
        >>> found = pilot_gains(fit, tasks, shares=(0.1, 0.2), seeds=(0, 1, 2))
        >>> [(verdict.task, verdict.outcome) for verdict in found.verdicts]
        [('a', 'helped'), ('b', 'indifferent')]
        >>> round(found.cost, 3), found.shares
        (0.1, {'a': 0.1, 'b': 0.1})

    References:
        Kevin Jamieson, Ameet Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
        Optimization", AISTATS 2016, arXiv:1502.07943 (runs that grow for those still in question).
        Deviation: intervals decide who is left, not a fixed fraction, and runs start anew at every share.
    """
    _check(tasks, shares, seeds, confidence)
    look = 1 - (1 - confidence) / len(shares)
    found: dict[str, Verdict] = {}
    reached: dict[str, float] = {}
    undecided, work = list(tasks), 0.0
    for share in shares:
        joint = [_measured(fit, tasks, seed, share) for seed in seeds]
        alone = [_alone(fit, undecided, seed, share) for seed in seeds]
        work += share * len(seeds) * (1 + len(undecided))
        for verdict in verdicts(
            undecided, joint, alone, smallest=smallest, confidence=look, test_over_train=test_over_train
        ):
            found[verdict.task], reached[verdict.task] = verdict, share
        undecided = [task for task in undecided if found[task.name].outcome in ("unclear", "unknown")]
        if not undecided:
            break
    return Pilot(
        verdicts=tuple(found[task.name] for task in tasks),
        shares=reached,
        cost=work / (len(seeds) * (1 + len(tasks))),
    )


def _alone(fit: PilotFit, tasks: Sequence[Task], seed: int, share: float) -> Metrics:
    return {task.name: _measured(fit, [task], seed, share)[task.name] for task in tasks}


def _measured(fit: PilotFit, tasks: Sequence[Task], seed: int, share: float) -> Metrics:
    """Train once, and see that every task has the metric that is compared."""
    return with_compared(fit(tasks, seed, share), tasks, f", seed {seed} and share {share:g}")


def _check(tasks: Sequence[Task], shares: Sequence[float], seeds: Sequence[int], confidence: float) -> None:
    names = [task.name for task in tasks]
    problems = []
    if len(tasks) < 2:
        problems.append(f"there must be two tasks or more, got {len(tasks)}")
    if len(set(names)) < len(names):
        problems.append(f"the tasks need different names, got {', '.join(names)}")
    if len(seeds) < 2:
        problems.append(f"an interval needs two `seeds` or more, got {list(seeds)}")
    if len(set(seeds)) < len(seeds):
        problems.append(f"`seeds` must differ, got {list(seeds)}")
    if not shares or not all(low < high for low, high in zip([0, *shares], shares)) or shares[-1] > 1:
        problems.append(f"`shares` must grow within (0, 1], got {list(shares)}")
    if not 0 < confidence < 1:
        problems.append(f"`confidence` must lie within (0, 1), got {confidence}")
    if problems:
        raise InputError("Pilot: " + "; ".join(problems) + ".")
