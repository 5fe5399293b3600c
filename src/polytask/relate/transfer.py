"""Transfer gain: what training with another task brings, measured by doing it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import torch
from torch import Tensor

from polytask.core import InputError, Interval, Task, mean_interval
from polytask.evaluate import gain
from polytask.relate.affinity import Affinity
from polytask.relate.compared import Metrics, with_compared

__all__ = ["Fit", "TransferGains", "transfer_gains"]

Fit: TypeAlias = Callable[[Sequence[Task], int], Metrics]
"""Trains a fresh model for some tasks with a seed, for instance by `polytask.train`, and returns its metrics
on held-out examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferGains:
    """What every task gains from training with another one, in percent of its first metric when alone.

    Args:
        names: The tasks.
        by_seed: ``[seed, from task, to task]``; 0 on the diagonal, NaN where a metric was undefined.
        confidence: The coverage of the intervals.
        test_over_train: See `polytask.core.mean_interval`.
    """

    names: tuple[str, ...]
    by_seed: Tensor
    confidence: float = 0.95
    test_over_train: float = 0.0

    def affinity(self) -> Affinity:
        """Return the mean over seeds, for `group_gain` and `group_tasks`."""
        return Affinity(
            names=self.names, matrix=self.by_seed.nanmean(0), n_seen=(~self.by_seed.isnan()).sum(0)
        )

    def interval(self, giver: str, receiver: str) -> Interval:
        """Return the mean gain of one task from another over the seeds, with its interval.

        Raises:
            InputError: A task is unknown.
        """
        row, column = self.affinity().indices([giver, receiver])
        known = [value for value in self.by_seed[:, row, column].tolist() if not math.isnan(value)]
        if not known:
            return Interval(mean=math.nan, half_width=math.nan, n=0, confidence=self.confidence)
        return mean_interval(known, confidence=self.confidence, test_over_train=self.test_over_train)


def transfer_gains(
    fit: Fit,
    tasks: Sequence[Task],
    *,
    seeds: Sequence[int] = (0,),
    confidence: float = 0.95,
    test_over_train: float = 0.0,
) -> TransferGains:
    r"""Train every task alone and with each other task, and compare.

    .. math:: A_{ij} = 100 \, (-1)^{l_j} \frac{M_j(\{i, j\}) - M_j(\{j\})}{|M_j(\{j\})|}

    with :math:`M_j` the first metric of task :math:`j`, and :math:`l_j = 1` where less is better.

    The dearest measure, and the only one here that measures what is wanted. For :math:`T` tasks it takes
    :math:`T + T (T - 1) / 2` runs a seed: 10 for 4 tasks, 55 for 10. ``fit`` may keep the outcome of each of
    its runs, so that an interrupted measurement can be taken up again.

    Args:
        fit: ``fit(tasks, seed)`` trains a fresh model and returns ``{task: {metric: value}}`` as
            `polytask.evaluate.evaluate` does. The seed should decide the split and the initial weights, so
            that runs of one seed differ in their tasks alone.
        tasks: The tasks, in the order of rows and columns.
        seeds: One measurement each; with one alone there are no intervals.
        confidence: The coverage of the intervals.
        test_over_train: See `polytask.core.mean_interval`; for seeds that are repeated random splits.

    Raises:
        InputError: There are fewer than two tasks, no seed, a name or a seed occurs twice, or a run lacks a
            task or its first metric.

    Example:
        >>> tasks = [Task(name=name, kind="regression", metrics=("rmse",)) for name in ("a", "b")]
        >>> def fit(tasks, seed):
        ...     return {task.name: {"rmse": 0.9 if task.name == "a" and len(tasks) == 2 else 1.0}
        ...             for task in tasks}
        >>> gains = transfer_gains(fit, tasks, seeds=range(3))
        >>> gains.interval("b", "a").format(1)
        '10.0 ± 0.0'
        >>> print(gains.affinity().format(1))
        from \ to     a    b
        a           0.0  0.0
        b          10.0  0.0

    References:
        Trevor Standley, Amir Zamir, Dawn Chen, Leonidas Guibas, Jitendra Malik, Silvio Savarese, "Which Tasks
        Should Be Learned Together in Multi-task Learning?", ICML 2020, arXiv:1905.07553. Deviation: they
        compare losses at equal computation, here it is any metric, at the budget that ``fit`` chooses.
    """
    _check(tasks, seeds)
    by_seed = torch.zeros(len(seeds), len(tasks), len(tasks), dtype=torch.float64)
    for table, seed in zip(by_seed, seeds):
        alone = [_measured(fit, [task], seed)[task.name] for task in tasks]
        for a, b in combinations(range(len(tasks)), 2):
            together = _measured(fit, [tasks[a], tasks[b]], seed)
            for giver, receiver in ((a, b), (b, a)):
                task = tasks[receiver]
                table[giver, receiver] = gain(task, together[task.name], alone[receiver])
    return TransferGains(
        names=tuple(task.name for task in tasks),
        by_seed=by_seed,
        confidence=confidence,
        test_over_train=test_over_train,
    )


def _measured(fit: Fit, tasks: Sequence[Task], seed: int) -> Metrics:
    """Train once, and see that every task has the metric that is compared."""
    return with_compared(fit(tasks, seed), tasks, f" and seed {seed}")


def _check(tasks: Sequence[Task], seeds: Sequence[int]) -> None:
    names = [task.name for task in tasks]
    problems = []
    if len(tasks) < 2:
        problems.append(f"there must be two tasks or more, got {len(tasks)}")
    if len(set(names)) < len(names):
        problems.append(f"the tasks need different names, got {', '.join(names)}")
    if not len(seeds):
        problems.append("`seeds` is empty")
    if len(set(seeds)) < len(seeds):
        problems.append(f"`seeds` must differ, got {list(seeds)}")
    if problems:
        raise InputError("Transfer gains: " + "; ".join(problems) + ".")
