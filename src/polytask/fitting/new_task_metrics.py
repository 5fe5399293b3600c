"""What a fit with tasks found of each target on new tasks, and how often it drew the tasks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from polytask.core import mean_interval
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.jackknife import p_values_of
from polytask.fitting.own_models import own_errors
from polytask.fitting.table_fit import TrainedTable
from polytask.fitting.task_data import MOST, TaskData
from polytask.fitting.task_prior import Choice
from polytask.fitting.task_prior_forms import slope_columns
from polytask.fitting.task_trials import drawn
from polytask.models.task_table_results import DrawnTask, DrawnTasks, NewTasks, TargetTaskResult

__all__ = ["drawn_tasks", "judged_targets", "target_result"]

_SHOWN = (0, 1, 5, 20, MOST)


def target_result(
    target: TargetColumn, data: TaskData, choice: Choice | None, *, seed: int
) -> TargetTaskResult:
    """Put the figures of new tasks together, in units of the column."""
    found = []
    if choice is not None:
        draws = drawn(data.task, seed=seed)
        own = own_errors(data, slope_columns(data), draws)
        for n_rows in _SHOWN:
            ours, pooled, theirs = (
                errors[n_rows] for errors in (choice.trial.errors, choice.base.errors, own)
            )
            judged = ~np.isnan(ours) & ~np.isnan(pooled) & ~np.isnan(theirs)
            if judged.any():
                unit = target.scale if target.task.kind == "regression" else 1.0
                found.append(_new_tasks(n_rows, *(unit * one[judged] for one in (ours, pooled, theirs))))
    return TargetTaskResult(
        target=target.task.name,
        kind=target.kind,
        metric=_metric(target),
        effects="none" if choice is None else choice.candidate.name,
        new_tasks=tuple(found),
    )


def judged_targets(results: Sequence[TargetTaskResult]) -> tuple[TargetTaskResult, ...]:
    """Adjust the p-values of all gains for their number: of targets, and of numbers of known rows."""
    gains = {(one.target, new.rows): new.gain for one in results for new in one.new_tasks}
    p_values = p_values_of(gains)
    return tuple(
        replace(
            one,
            new_tasks=tuple(replace(new, p_value=p_values[one.target, new.rows]) for new in one.new_tasks),
        )
        for one in results
    )


def drawn_tasks(trained: TrainedTable, code: np.ndarray, names: Sequence[str]) -> DrawnTasks | None:
    """Say how often each task was drawn; None where rows are not drawn.

    Args:
        trained: The pooled model.
        code: The task of each row that it was given, ``[row]``.
        names: Those of all tasks.
    """
    draws = trained.prepared.draws
    if draws is None or trained.drawn is None:
        return None
    rows = torch.bincount(draws.task, minlength=draws.n_tasks).tolist()
    first = np.unique(draws.task.numpy(), return_index=True)[1]
    numbers = code[trained.prepared.indices[first]]  # [task]
    return DrawnTasks.of(
        draws.law,
        [
            DrawnTask(task=names[int(number)], rows=n_rows, times=times)
            for number, n_rows, times in zip(numbers, rows, trained.drawn.tolist(), strict=True)
        ],
    )


def _metric(target: TargetColumn) -> str:
    if target.task.kind != "regression":
        return "cross_entropy"
    return "log_rmse" if target.log else "rmse"


def _new_tasks(n_rows: int, ours: np.ndarray, pooled: np.ndarray, own: np.ndarray) -> NewTasks:
    return NewTasks(
        rows="4/5" if n_rows == MOST else n_rows,
        n_tasks=len(ours),
        joint=mean_interval(ours.tolist()),
        pooled=mean_interval(pooled.tolist()),
        own=mean_interval(own.tolist()),
        gain_on_pooled=mean_interval((pooled - ours).tolist()),
        gain_on_own=mean_interval((own - ours).tolist()),
    )
