"""How well a learner predicts numbers of held-out tasks of which 0, 1, 5 or 20 rows are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from polytask.core import Interval, mean_interval
from polytask.core.random import numpy_generator
from polytask.models.in_context_results import NewTaskScores, TaskLearnerTrial

__all__ = [
    "N_ROWS",
    "RowPredictions",
    "Scores",
    "chosen_learner",
    "cuts_of",
    "judged",
    "normal_predictions",
    "trials_of",
]

N_ROWS = (0, 1, 5, 20)
_MOST_ASKED = 200  # rows of a task that judge
_MOST_TASKS = 300  # that judge


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowPredictions:
    """What a learner says of some rows, in units of the column.

    Args:
        mean: float64 ``[row]``.
        log_density: At the labels.
        labels: The labels.
        level: The least central interval that holds the label, from 0 to 1; NaN where it is not told.
    """

    mean: np.ndarray
    log_density: np.ndarray
    labels: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The figures of a learner, by number of known rows and task, NaN where a task has no other rows.

    Args:
        log_density: float64 ``[number of known rows, task]``.
        squared: Mean squared errors, of the same shape.
        seconds: Wall time.
    """

    log_density: np.ndarray
    squared: np.ndarray
    seconds: float = 0.0

    @property
    def by_task(self) -> np.ndarray:
        """Return the mean log density over the numbers of known rows that a task allows, ``[task]``."""
        there = ~np.isnan(self.log_density)
        return np.nansum(self.log_density, axis=0) / np.maximum(there.sum(0), 1)

    def joined(self, other: "Scores") -> "Scores":
        """Return the figures of these tasks and of others."""
        return Scores(
            log_density=np.concatenate([self.log_density, other.log_density], axis=1),
            squared=np.concatenate([self.squared, other.squared], axis=1),
            seconds=self.seconds + other.seconds,
        )


def cuts_of(task: np.ndarray, *, seed: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Draw which rows of each task are known, and which are asked: row numbers, by how many are known.

    A task that has no more rows than shall be known is left out. At most 200 rows of a task are asked, and
    300 tasks, which are drawn.

    Example:
        >>> cuts = cuts_of(np.array([0, 0, 0, 1]), seed=0)
        >>> {n: (len(known), len(asked)) for n, (known, asked) in cuts.items()}
        {0: (0, 4), 1: (1, 2), 5: (0, 0), 20: (0, 0)}
    """
    found: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {n: ([], []) for n in N_ROWS}
    numbers = np.unique(task)
    if len(numbers) > _MOST_TASKS:
        numbers = np.sort(numpy_generator(seed, "judging tasks").choice(numbers, _MOST_TASKS, replace=False))
    for number in numbers:
        order = numpy_generator(seed, "known rows", int(number)).permutation(np.flatnonzero(task == number))
        for n in N_ROWS:
            if len(order) > n:
                found[n][0].append(order[:n])
                found[n][1].append(order[n : n + _MOST_ASKED])
    none = np.zeros(0, dtype=np.int64)
    return {
        n: (np.concatenate([none, *known]), np.concatenate([none, *asked]))
        for n, (known, asked) in found.items()
    }


def judged(
    predictions: Mapping[int, RowPredictions], task_of: Mapping[int, np.ndarray], n_tasks: int
) -> Scores:
    """Average what was answered over the rows of each task.

    Args:
        predictions: By number of known rows.
        task_of: The task of each predicted row, by the same.
        n_tasks: How many there are.
    """
    log_density = np.full((len(N_ROWS), n_tasks), np.nan)
    squared = log_density.copy()
    for place, n in enumerate(N_ROWS):
        counts = np.bincount(task_of[n], minlength=n_tasks)
        there = counts > 0
        for into, values in (
            (log_density, predictions[n].log_density),
            (squared, (predictions[n].mean - predictions[n].labels) ** 2),
        ):
            sums = np.bincount(task_of[n], weights=values, minlength=n_tasks)
            into[place, there] = sums[there] / counts[there]
    return Scores(log_density=log_density, squared=squared)


def trials_of(found: Mapping[str, Scores], chosen: str) -> tuple[TaskLearnerTrial, ...]:
    """Put the figures of learners together.

    Args:
        found: By learner, of the same tasks.
        chosen: The one that is taken.
    """
    means = {name: _finite(scores.by_task) for name, scores in found.items()}
    best = max(means, key=lambda name: float(np.mean(means[name])))
    return tuple(
        TaskLearnerTrial(
            learner=name,
            scores=_by_rows(scores),
            log_density=mean_interval(means[name].tolist()),
            behind=_behind(means[best], means[name]),
            seconds=scores.seconds,
            chosen=name == chosen,
        )
        for name, scores in found.items()
    )


def _behind(best: np.ndarray, other: np.ndarray) -> Interval:
    return mean_interval((best - other).tolist())


def _by_rows(scores: Scores) -> tuple[NewTaskScores, ...]:
    rows = []
    for place, n in enumerate(N_ROWS):
        there = ~np.isnan(scores.log_density[place])
        if there.sum() > 1:
            density, squared = scores.log_density[place, there], scores.squared[place, there]
            rows.append(
                NewTaskScores(
                    n_rows=n,
                    log_density=mean_interval(density.tolist()),
                    rmse=mean_interval(np.sqrt(squared).tolist()),
                )
            )
    return tuple(rows)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=-1e30, neginf=-1e30)


def normal_predictions(
    mean: np.ndarray, variance: np.ndarray, labels: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log density of labels, less ``slope``, and the level of the interval that holds them."""
    away = (labels - mean) / np.sqrt(variance)
    density = -0.5 * away**2 - 0.5 * np.log(2 * np.pi * variance) - slope
    level = 2 * torch.special.ndtr(torch.from_numpy(np.abs(away))).numpy() - 1
    return density, level


def chosen_learner(found: Mapping[str, Scores], order: Sequence[str]) -> str:
    """Return the first learner that is not clearly behind the best one, by the interval over tasks."""
    means = {name: _finite(found[name].by_task) for name in order}
    best = max(order, key=lambda name: float(means[name].mean()))
    for name in order:
        behind = _behind(means[best], means[name])
        if not behind.low > 0:
            return name
    return best
