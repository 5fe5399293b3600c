"""How well a learner predicts numbers or classes of held-out tasks of which 0, 1, 5 or 20 rows are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from polytask.core import Interval, mean_interval
from polytask.core.random import numpy_generator
from polytask.data.tables.target_column import TargetColumn
from polytask.models.in_context_results import NewTaskScores, TaskLearnerTrial

__all__ = [
    "N_ROWS",
    "RowPredictions",
    "Scores",
    "chosen_learner",
    "cuts_of",
    "error_names",
    "judged",
    "normal_predictions",
    "trials_of",
]

N_ROWS = (0, 1, 5, 20)
_MOST_ASKED = 200  # rows of a task that judge
_MOST_TASKS = 300  # that judge


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowPredictions:
    """How right a learner was about some rows.

    Args:
        error: Squared errors of numbers, in units of the columns; 1 for a wrong class, 0 for a right one;
            float64 ``[row, target]``.
        log_density: At the labels, of all targets together, ``[row]``; of classes the log probability.
        level: Of each number the least central interval that holds the label, from 0 to 1,
            ``[row, target]``; NaN where it is not told.
    """

    error: np.ndarray
    log_density: np.ndarray
    level: np.ndarray

    @classmethod
    def none(cls, n_targets: int) -> "RowPredictions":
        """Return that of no row."""
        nothing = np.zeros((0, n_targets))
        return cls(error=nothing, log_density=np.zeros(0), level=nothing)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The figures of a learner, by number of known rows and task, NaN where a task has no other rows.

    Args:
        log_density: float64 ``[number of known rows, task]``.
        errors: By name the mean of `RowPredictions.error`, each of the same shape.
        seconds: Wall time.
    """

    log_density: np.ndarray
    errors: Mapping[str, np.ndarray]
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
            errors={
                name: np.concatenate([values, other.errors[name]], axis=1)
                for name, values in self.errors.items()
            },
            seconds=self.seconds + other.seconds,
        )


def cuts_of(
    task: np.ndarray, *, seed: int, own: np.ndarray | None = None
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Draw which rows of each task are known, and which are asked: row numbers, by how many are known.

    A task that has no more rows than shall be known is left out. At most 200 rows of a task are asked, and
    300 tasks, which are drawn.

    Args:
        task: The task of each row.
        seed: Decides the draws.
        own: Where each task has classes of its own: the class of each row. Then rows are asked whose class is
            among the known ones, of two or more; the others cannot be answered.

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
            asked = order[n : n + _MOST_ASKED]
            if own is not None:
                classes = np.unique(own[order[:n]])
                asked = asked[np.isin(own[asked], classes)] if len(classes) > 1 else asked[:0]
            if len(asked):
                found[n][0].append(order[:n])
                found[n][1].append(asked)
    none = np.zeros(0, dtype=np.int64)
    return {
        n: (np.concatenate([none, *known]), np.concatenate([none, *asked]))
        for n, (known, asked) in found.items()
    }


def judged(
    predictions: Mapping[int, RowPredictions],
    task_of: Mapping[int, np.ndarray],
    n_tasks: int,
    names: Sequence[str],
) -> Scores:
    """Average what was answered over the rows of each task.

    Args:
        predictions: By number of known rows.
        task_of: The task of each predicted row, by the same.
        n_tasks: How many there are.
        names: Of the errors, one for each target; see `error_names`.
    """
    log_density = np.full((len(N_ROWS), n_tasks), np.nan)
    errors = {name: log_density.copy() for name in names}
    for place, n in enumerate(N_ROWS):
        counts = np.bincount(task_of[n], minlength=n_tasks)
        there = counts > 0
        of_names = zip(errors.values(), predictions[n].error.T, strict=True)
        for into, values in ((log_density, predictions[n].log_density), *of_names):
            sums = np.bincount(task_of[n], weights=values, minlength=n_tasks)
            into[place, there] = sums[there] / counts[there]
    return Scores(log_density=log_density, errors=errors)


def error_names(targets: Sequence[TargetColumn]) -> tuple[str, ...]:
    """Name the error of each target: ``rmse``, of several ``rmse:NAME``, of classes ``error_rate``."""
    if targets[0].task.kind != "regression":
        return ("error_rate",)
    return ("rmse",) if len(targets) == 1 else tuple(f"rmse:{target.task.name}" for target in targets)


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
            errors = {name: values[place, there] for name, values in scores.errors.items()}
            rows.append(
                NewTaskScores(
                    n_rows=n,
                    log_density=mean_interval(scores.log_density[place, there].tolist()),
                    errors={
                        name: mean_interval((np.sqrt(one) if name.startswith("rmse") else one).tolist())
                        for name, one in errors.items()
                    },
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
