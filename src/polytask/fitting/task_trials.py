"""New tasks of which some rows are known: how well they are answered by what other tasks taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from polytask.fitting.task_data import MOST, TaskData, first_rows
from polytask.models.task_effects import TaskPrior
from polytask.models.task_posterior import TaskRows, prior_state, spread, updated

__all__ = ["N_ROWS", "Draws", "EffectRows", "Trial", "drawn", "tried"]

N_ROWS = (0, 1, 2, 5, 10, 20, MOST)
"""How many rows of a new task are known in the trials."""

Draws = Mapping[int, tuple[Tensor, Tensor]]
"""By number of rows: those that are known, and those that judge, bool ``[row]``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What some numbers of known rows gave for new tasks.

    Args:
        errors: By number of rows, the error of each task ``[task]``, NaN where it has too few rows.
        surprise: By number of rows, minus the log-density of a label, averaged over rows of each task.
        away: By number of rows, distances from the label in standard deviations ``[row]``, NaN where not
            judged; numbers alone.
    """

    errors: Mapping[int, np.ndarray]
    surprise: Mapping[int, np.ndarray]
    away: Mapping[int, np.ndarray]

    def joined(self, other: "Trial", task: np.ndarray, rows: np.ndarray) -> "Trial":
        """Take what another trial says of some tasks and rows."""

        def mixed(ours: Mapping, theirs: Mapping, which: np.ndarray) -> dict[int, np.ndarray]:
            return {n: np.where(which, theirs[n], ours[n]) for n in ours}

        return Trial(
            errors=mixed(self.errors, other.errors, task),
            surprise=mixed(self.surprise, other.surprise, task),
            away=mixed(self.away, other.away, rows),
        )


def drawn(task: Tensor, *, seed: int) -> dict[int, tuple[Tensor, Tensor]]:
    """Draw the rows that are known, for every number of them; see `first_rows`."""
    return {n_rows: first_rows(task, n_rows, seed=seed) for n_rows in N_ROWS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectRows:
    """Rows as a prior sees them.

    Args:
        directions: In which answers may differ by task, float64 ``[row, output, rank]``.
        shift: How the mean of all tasks differs from the pooled prediction ``[row, output]``.
        noise: The variance of a label; 1 for classes ``[row]``.
    """

    directions: Tensor
    shift: Tensor
    noise: Tensor

    @classmethod
    def of(cls, data: TaskData, prior: TaskPrior) -> Self:
        """Look at rows."""
        features = prior.features(data.inputs, data.outputs)
        return cls(
            directions=prior.directions(features),
            shift=prior.shift(features),
            noise=prior.variance(data.inputs, data.outputs),
        )

    @classmethod
    def by_fold(cls, data: TaskData, priors: Sequence[TaskPrior], fold: Tensor) -> Self:
        """Look at the rows of each fold with the prior of that fold; `fold` is long ``[row]``."""
        n_rows, n_outputs = data.outputs.shape
        rank = max(prior.rank for prior in priors)
        found = cls(
            directions=torch.zeros(n_rows, n_outputs, rank, dtype=torch.float64),  # no task differs there
            shift=torch.zeros(n_rows, n_outputs, dtype=torch.float64),
            noise=torch.zeros(n_rows, dtype=torch.float64),
        )
        for index, prior in enumerate(priors):
            inside = fold == index
            own = cls.of(data.rows(inside), prior)
            found.directions[inside, :, : prior.rank] = own.directions
            found.shift[inside], found.noise[inside] = own.shift, own.noise
        return found


def tried(data: TaskData, effects: EffectRows | None, draws: Draws) -> Trial:
    """Answer tasks of which some rows are known.

    Args:
        data: Rows of tasks that the prior did not see.
        effects: The rows as the prior sees them; None for the pooled prediction.
        draws: Which rows are known, and which judge.
    """
    errors, surprise, away = {}, {}, {}
    n_tasks = data.n_tasks
    for n_rows, (known, judged) in draws.items():
        outputs, variance = _answered(data, effects, known, n_tasks)
        errors[n_rows] = data.errors(outputs, judged)
        losses = data.losses(outputs)
        if data.target.kind == "regression":
            variance = variance.clamp(min=1e-12)
            away[n_rows] = torch.where(judged, (losses / variance).sqrt(), torch.nan).numpy()
            losses = (losses / variance + variance.log()) / 2
        task = data.task[judged]
        total = torch.bincount(task, losses[judged], minlength=n_tasks)
        surprise[n_rows] = (total / torch.bincount(task, minlength=n_tasks)).numpy()
    return Trial(errors=errors, surprise=surprise, away=away)


def _answered(
    data: TaskData, effects: EffectRows | None, known: Tensor, n_tasks: int
) -> tuple[Tensor, Tensor]:
    """Answer all rows by what the known ones say of their task; with the variance of an answer."""
    if effects is None:
        away = (data.outputs[:, 0] - data.labels).square().mean()
        return data.outputs, away.expand(len(data.task)).double()
    directions, shift, noise = effects.directions, effects.shift, effects.noise
    rows = TaskRows(
        directions=directions[known],
        offset=(data.outputs + shift)[known],
        labels=data.labels[known],
        weights=1 / noise[known],
        task=data.task[known],
    )
    kind = data.target.kind
    _, n_outputs, rank = directions.shape
    mean, precision = updated(kind, rows, *prior_state(n_tasks, n_outputs * rank))
    told = torch.bincount(rows.task, minlength=n_tasks)[data.task] > 0
    place = mean[data.task].view(len(data.task), -1, rank)
    share = torch.where(told, 1.0, 0.5)[:, None]
    outputs = data.outputs + share * shift + (directions * place).sum(-1)
    if kind != "regression":
        return outputs, noise
    task = torch.where(told, data.task, -1)
    return outputs, noise + spread(directions[:, 0], task, precision)
