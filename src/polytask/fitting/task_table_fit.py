"""Fit a table whose rows belong to many tasks: a pooled model, and how each task differs from it.

The pooled model is that of `polytask.fitting.table_fit`, with folds that keep each task whole. What it
predicts for tasks that its networks did not see teaches by what tasks differ (`polytask.fitting.task_prior`).
What the model of all folds predicts for a task's rows, compared with their labels, then tells of the task.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, InputError, derive_seed
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.core.warned import warn_all
from polytask.data.tables.column import column_distinct, column_hint, one_column
from polytask.data.tables.label_split import Labels
from polytask.data.tables.problems import look_alikes, some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_kinds import parse_target
from polytask.data.tables.target_labels import split_labels
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.new_task_metrics import drawn_tasks, judged_targets, target_result
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_fit import TrainedTable, train_table
from polytask.fitting.table_preparation import labelled_rows
from polytask.fitting.task_data import MOST, TaskData
from polytask.fitting.task_prior import Choice, choose_prior, some_tasks
from polytask.models.target_tasks import TargetTasks
from polytask.models.task_effects import TaskPrior
from polytask.models.task_names import TaskNames
from polytask.models.task_spread import TaskSpread
from polytask.models.task_table_model import TaskTableModel
from polytask.models.task_table_results import TaskTableResults

__all__ = ["LearnedPrior", "fit_task_table", "learned_prior", "pooled_columns", "read_tasks"]

_MOST_POOLED = 100_000  # rows of the pooled model
_MOST_NUMBERS = 50_000_000  # of what is known of all tasks of a target: 400 MB


def pooled_columns(columns: Columns, task_column: str) -> Columns:
    """Return the roles of the columns for the pooled model, whose folds keep tasks whole.

    Raises:
        InputError: The table has another role that folds would have to follow, or the column is a target.
    """
    others = {"group": columns.group, "time_column": columns.time, "weight_column": columns.weight}
    others["fold_column"] = columns.fold
    if given := [name for name, value in others.items() if value is not None]:
        raise InputError(
            f"`{given[0]}` cannot be used together with `task_column`: rows are split by whole tasks, and "
            "each counts as much. Leave one of them out."
        )
    if task_column in columns.drop:
        raise InputError(
            f"`task_column` {task_column!r} is among `drop`, too. Take it from one of them; as a task column "
            "it is no feature anyway."
        )
    return replace(columns, group=task_column, of_tasks=True)


def fit_task_table(
    frame: pd.DataFrame, columns: Columns, settings: FitSettings, task_column: str, *, stacklevel: int = 2
) -> TaskTableModel:
    """Train the pooled model of a table, learn how its tasks differ, and judge both on new tasks.

    Args:
        frame: A table, as `read_table` returns it.
        columns: The roles of its columns, but for the task column.
        settings: How the pooled model is trained.
        task_column: Tells the task of each row.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Raises:
        DataError: The table cannot be used, has one task alone, or a labelled row without a task.
        InputError: Columns have roles that do not go together.

    Warns:
        DataWarning: Something about the data is noteworthy.
        ResultWarning: The pooled model is not clearly better than a constant answer for some targets.
    """
    start = time.perf_counter()
    columns = pooled_columns(columns, task_column)
    code, names, notes = read_tasks(frame, columns, task_column)
    chosen = _pooled_rows(code, seed=settings.seed)
    if chosen is not None:
        notes.append(
            f"The pooled model is trained on {len(chosen)} rows of whole tasks, drawn from "
            f"{int((code >= 0).sum())}; all rows tell of their tasks."
        )
    if settings.metrics:
        notes.append("`metrics` judge the pooled model; new tasks are judged by what is learned of them.")
    warn_all(notes, stacklevel=stacklevel)
    part = frame if chosen is None else frame.iloc[chosen]
    trained = train_table(part, columns, settings, stacklevel=stacklevel + 1)
    inputs, _ = trained.model.encoder.transform(frame)
    rows = torch.from_numpy(np.flatnonzero(code >= 0))
    inputs = inputs[rows]
    outputs = trained.model.network_outputs(inputs)
    known, results = [], []
    for target in trained.model.targets:
        name = target.task.name
        seed = derive_seed(settings.seed, "tasks", name)
        learned = learned_prior(trained, target, len(names), seed=seed)
        values, mask = target.encode(frame[name].iloc[rows.numpy()])
        tasks = TargetTasks.unknown(target.task, learned.prior, learned.spread)
        of_row = torch.from_numpy(code)[rows][mask]
        known.append(
            tasks.learned(inputs[mask], outputs[name][mask], values[mask], of_row, n_tasks=len(names))
        )
        results.append(target_result(target, learned.data, learned.choice, seed=seed))
    model = TaskTableModel(
        trained.model,
        task_column,
        TaskNames(names),
        known,
        results=TaskTableResults(
            targets=judged_targets(results),
            n_tasks=len(names),
            rows={"table": len(frame), "pooled": len(part)},
            n_parameters=sum(parameter.numel() for parameter in trained.model.learner.parameters()),
            pooled={} if trained.model.results is None else trained.model.results.to_json(),
            seconds=time.perf_counter() - start,
            messages=(*notes, *trained.prepared.messages),
            drawn=drawn_tasks(trained, code if chosen is None else code[chosen], names),
        ),
    )
    model.details = trained.model.details
    return model


def read_tasks(
    frame: pd.DataFrame, columns: Columns, task_column: str
) -> tuple[np.ndarray, list[str], list[str]]:
    """Number the task of every labelled row, -1 for rows without a label; with names and what is noteworthy.

    Args:
        frame: A table, as `read_table` returns it.
        columns: The roles of its columns.
        task_column: Tells the task of each row.

    Raises:
        DataError: The column is missing or a target, a labelled row has no task, or there is one task alone.
    """
    asked = {parse_target(text, frame.columns)[0] for text in columns.targets}
    if task_column in asked:
        raise DataError(f"`task_column` {task_column!r} is a target, too. Take it from one of them.")
    if task_column not in frame.columns:
        raise DataError(
            f"`task_column`: there is no column {task_column!r}; {column_hint(frame, task_column)}"
        )
    column = one_column(frame, task_column)
    labels: Mapping[str, Labels] = split_labels(frame, columns.targets)
    labelled = np.zeros(len(frame), dtype=bool)
    labelled[labelled_rows(labels, len(frame))] = True
    codes, _, texts = column_distinct(column)
    if n_empty := int((labelled & (codes < 0)).sum()):
        raise DataError(
            f"The task column {task_column!r} is empty in {some_rows(n_empty)} with a label. Fill or remove "
            "them; rows whose task is not known can be predicted, but teach nothing of a task."
        )
    codes = np.where(labelled, codes, -1)
    present, code = np.unique(codes, return_inverse=True)
    first = int(present[0] < 0)
    names = [texts[index] for index in present[first:]]
    if len(names) < 2:
        raise DataError(
            f"The task column {task_column!r} has {counted(len(names), 'task')} with a label, but what tasks "
            "have in common takes two at least. Leave out `task_column`, or use a column with more tasks."
        )
    code = code.reshape(-1) - first
    counts = np.bincount(code[code >= 0])
    notes = look_alikes(names, f"Task column {task_column!r}", "tasks")
    if counts.max() == 1:
        notes.append(
            f"Every task of {task_column!r} has one labelled row, which cannot tell a task from noise: all "
            "tasks are answered alike. Use a column whose values stand in several rows."
        )
    return code, names, notes


def _pooled_rows(code: np.ndarray, *, seed: int) -> np.ndarray | None:
    """Draw whole tasks up to so many rows; None where all rows are few enough."""
    n_rows = int((code >= 0).sum())
    if n_rows <= _MOST_POOLED:
        return None
    counts = np.bincount(code[code >= 0])
    order = numpy_generator(seed, "pooled tasks").permutation(len(counts))
    reached = np.cumsum(counts[order])
    drawn_tasks = order[: max(2, int(np.searchsorted(reached, _MOST_POOLED, side="right")))]
    return np.flatnonzero(np.isin(code, drawn_tasks))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedPrior:
    """By what the tasks of a target differ.

    Args:
        prior: What is known of a new task; None where tasks do not differ.
        spread: How far off predictions are; None for classes, or where nothing was judged.
        data: The held-out rows that taught it.
        choice: How it was chosen; None where there are too few tasks.
    """

    prior: TaskPrior | None
    spread: TaskSpread | None
    data: TaskData
    choice: Choice | None


def learned_prior(trained: TrainedTable, target: TargetColumn, n_tasks: int, *, seed: int) -> LearnedPrior:
    """Learn by what the tasks of a target differ, from predictions of networks that did not see them.

    Args:
        trained: The pooled model, and its predictions for held-out rows.
        target: One of its targets.
        n_tasks: How many tasks will be known.
        seed: Decides everything random.
    """
    data = _held_out(trained, target)
    data = data.rows(some_tasks(data, seed=seed))
    if data.n_tasks < 2:
        return LearnedPrior(prior=None, spread=None, data=data, choice=None)
    choice = choose_prior(data, seed=seed)
    prior = None if choice.prior is None else choice.prior.within(_MOST_NUMBERS // n_tasks)
    return LearnedPrior(prior=prior, spread=_spread(data, choice), data=data, choice=choice)


def _held_out(trained: TrainedTable, target: TargetColumn) -> TaskData:
    """Return the rows of a target that were judged, with what was predicted for them."""
    name, rows = target.task.name, trained.prepared.rows
    outputs = trained.held_out[name].double()
    if trained.model.calibration is not None:
        outputs = trained.model.calibration.sharpen(target.task, outputs).double()
    judged = rows.masks[name].reshape(len(rows)) & ~outputs.isnan().any(1)
    groups = trained.prepared.groups
    assert groups is not None and isinstance(rows.inputs, Tensor)  # noqa: S101 - the folds are of tasks
    labels = rows.targets[name]
    return TaskData(
        target=target.task,
        inputs=rows.inputs,
        outputs=outputs,
        labels=labels.double() if target.task.kind == "regression" else labels,
        task=torch.from_numpy(np.asarray(groups, dtype=np.int64)),
    ).rows(judged.nonzero().squeeze(1))


def _spread(data: TaskData, choice: Choice) -> TaskSpread | None:
    """Summarize how far held-out labels were from what was predicted, in predicted standard deviations.

    Held-out tasks were answered on networks of single folds, new ones are on the average of all. That makes
    no distance shorter here, as `polytask.fitting.network_spread` does without tasks: what networks differ by
    in level and slopes the known rows of a task take away, and what is left of it nothing tells.
    """
    if data.target.kind != "regression" or choice.prior is None:
        return None
    task = data.task.numpy()
    away: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    for n_rows, distances in choice.trial.away.items():
        judged = ~np.isnan(distances)
        if judged.any():
            counts = np.bincount(task)
            told = (
                float(n_rows) if n_rows != MOST else float(np.median(counts[np.unique(task[judged])]) * 0.8)
            )
            numbered = np.unique(task[judged], return_inverse=True)[1]
            if told not in away:
                away[told] = (distances[judged], numbered)
    return TaskSpread.of(away) if away else None
