"""Choose the form of a prior by new tasks.

Tasks are dealt into folds; the prior that the others teach is tried on a fold's tasks, of which it is told 1,
2, 5, 10 and 20 rows and four fifths. The form with the lowest error, averaged over tasks and numbers of rows,
is taken; where the figures of others are within half a standard error of it, the one among them that finds
the labels likeliest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core.random import numpy_generator
from polytask.fitting.task_data import TaskData, first_rows
from polytask.fitting.task_prior_forms import Candidate, candidates_for, learned_priors, slope_columns
from polytask.fitting.task_trials import EffectRows, Trial, drawn, tried
from polytask.models.task_effects import TaskPrior

__all__ = ["Choice", "choose_prior", "some_tasks", "task_folds"]

_MOST_TASKS, _MOST_ROWS, _FEWEST_ROWS = 1000, 100_000, 20
_NEAR = 0.5  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """The chosen prior.

    Args:
        candidate: Its form.
        prior: The prior, of all tasks; None where tasks do not differ.
        trial: How new tasks were answered, each by what the others chose and taught.
        base: How the pooled model answers them.
    """

    candidate: Candidate
    prior: TaskPrior | None
    trial: Trial
    base: Trial


def choose_prior(data: TaskData, *, seed: int) -> Choice:
    """Choose a form of prior by new tasks, and learn it from all.

    Args:
        data: Rows of all tasks, with pooled predictions that have not seen their task.
        seed: Decides the folds and the rows that are known.
    """
    columns = slope_columns(data)
    candidates = candidates_for(data, len(columns))
    draws = drawn(data.task, seed=seed)
    base = tried(data, None, draws)
    fold_of = task_folds(data.n_tasks, seed=seed)
    fold = torch.from_numpy(fold_of)[data.task]
    folds = range(int(fold_of.max()) + 1)
    learned = learned_priors([data.rows(fold != index) for index in folds], candidates, columns)
    trials = [
        base if priors is None else tried(data, EffectRows.by_fold(data, priors, fold), draws)
        for priors in learned
    ]
    chosen = _best(trials, np.ones(data.n_tasks, dtype=bool))
    honest = base
    for index in folds:
        others = _best(trials, fold_of != index)
        honest = honest.joined(trials[others], fold_of == index, (fold == index).numpy())
    (priors,) = learned_priors([data], candidates[chosen : chosen + 1], columns)
    prior = None if priors is None else priors[0]
    return Choice(candidate=candidates[chosen], prior=prior, trial=honest, base=base)


def task_folds(n_tasks: int, *, seed: int) -> np.ndarray:
    """Deal tasks into folds, fewer where tasks are many: the fold of each ``[task]``."""
    n_folds = min(n_tasks, 5 if n_tasks < 100 else 3 if n_tasks < 400 else 2)
    return numpy_generator(seed, "folds of tasks").permutation(np.arange(n_tasks) % n_folds)


def some_tasks(data: TaskData, *, seed: int) -> Tensor:
    """Choose rows that are enough to learn a prior: of at most 1,000 tasks, 100,000 in all."""
    draw = numpy_generator(seed, "some tasks")
    n_tasks = min(data.n_tasks, _MOST_TASKS)
    drawn = torch.from_numpy(np.sort(draw.permutation(data.n_tasks)[:n_tasks]))
    most = max(_FEWEST_ROWS, _MOST_ROWS // max(n_tasks, 1))
    known, judged = first_rows(data.task, most, seed=seed)
    in_task = torch.isin(data.task, drawn)
    return (in_task & (known | ~judged)).nonzero().squeeze(1)


def _best(trials: Sequence[Trial], tasks: np.ndarray) -> int:
    """Return the candidate that some tasks choose; the simpler one where two are alike."""
    scores = np.stack([_scores(one.errors, trials[0].errors, tasks) for one in trials])  # [candidate, task]
    means = np.nanmean(scores, axis=1)
    lowest = int(np.argmin(means))
    if lowest == 0:
        return 0
    apart = scores - scores[lowest]
    n_tasks = np.maximum((~np.isnan(apart)).sum(1), 1)
    errors = np.nanstd(apart, axis=1) / np.sqrt(n_tasks)
    near = np.flatnonzero(np.nanmean(apart, axis=1) <= _NEAR * errors)
    surprise = [
        np.mean(
            [
                np.nanmean(values[tasks])
                for n, values in trials[int(index)].surprise.items()
                if _judged(values, tasks)
            ]
        )
        for index in near
    ]
    return int(near[np.argmin(surprise)])


def _judged(values: np.ndarray, tasks: np.ndarray) -> bool:
    return not np.isnan(values[tasks]).all()


def _scores(
    errors: Mapping[int, np.ndarray], base: Mapping[int, np.ndarray], tasks: np.ndarray
) -> np.ndarray:
    """Return the error of each task in units of the pooled model's mean error, averaged over known rows."""
    found = [
        values[tasks] / max(float(np.nanmean(base[n_rows][tasks])), 1e-12)
        for n_rows, values in errors.items()
        if n_rows != 0 and _judged(values, tasks)
    ]
    if not found:
        return np.zeros(int(tasks.sum()))
    stacked = np.stack(found)  # [number of rows, task]
    counts = np.maximum((~np.isnan(stacked)).sum(0), 1)
    total = np.where(np.isnan(stacked), 0, stacked).sum(0) / counts
    return np.where(np.isnan(stacked).all(0), np.nan, total)
