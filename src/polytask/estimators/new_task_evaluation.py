"""How well a network that reads rows answers new tasks of a table, by how many of their rows are known."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError, DataWarning, mean_interval
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.fitting.judged_rows import judged_rows
from polytask.fitting.new_task_scores import RowPredictions, cuts_of, error_names
from polytask.fitting.task_levels import TaskLevels
from polytask.models.in_context_model import InContextModel
from polytask.models.known_rows import KnownRows
from polytask.models.task_names import TaskNames

__all__ = ["evaluate_new_tasks"]

_INTERVALS = 0.9
_Figures = dict[str, np.ndarray]


def evaluate_new_tasks(
    model: InContextModel, table: Any, *, seed: int = 0, stacklevel: int = 2
) -> pd.DataFrame:
    """Measure a model on the tasks of a table, each as if it were new.

    Of each task 0, 1, 5 and 20 of its rows are known, drawn by ``seed``, and nothing else, whatever the model
    knows of it; up to 200 of its other rows judge, of up to 300 tasks. A task counts as much as another.

    Args:
        model: The model.
        table: Labelled rows of tasks that the network was not trained on, in whatever `read_table` reads;
            all of one task where the model has no task column.
        seed: Decides which rows are known.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each number of known rows: how many ``tasks`` have more; ``log_density``, the mean log
        density of the labels, in nats, in units of the column, of several targets together; ``rmse``, the
        root of a task's mean squared error; each with the half width of its 95 % interval over tasks;
        ``inside_90``, the share of labels in intervals of 90 %; and, where the model knows tasks,
        ``levels_log_density`` and ``levels_rmse``: those of the simplest answer, a level for each task. Of
        several targets errors and shares are ``rmse:TARGET`` and so on. Of classes ``log_density`` is the
        log probability, and ``error_rate`` the share of wrong answers; levels are the shares of the classes.
        Where each task has classes of its own, rows of a class that is not among the known rows do not judge.

    Raises:
        DataError: The table lacks the task column or the labels, or has no label.

    Warns:
        DataWarning: Tasks of the table are those that the network was trained on, or that the model knows.
    """
    check = SettingsCheck()
    seed = check.whole("seed", seed, least=0)
    check.done()
    frame = model.reader.frame(table)
    reader = model.reader.with_classes(frame)
    labels, labelled = reader.labels(frame)
    rows = np.flatnonzero(labelled.numpy())
    frame = frame.iloc[rows].reset_index(drop=True)
    names = reader.with_new(frame, TaskNames([]))
    task = reader.codes(frame, names)
    if shared := set(names.names) & set(model.tasks):
        warnings.warn(
            f"The model knows {counted(len(shared), 'task')} of the table, and may have been trained on "
            f"{'it' if len(shared) == 1 else 'them'}: the figures may flatter. Measure with new tasks.",
            DataWarning,
            stacklevel=stacklevel,
        )
    inputs = reader.inputs(frame, stacklevel=stacklevel)
    known = KnownRows(inputs=inputs, labels=labels[labelled], task=task)
    numbers = None if reader.of_classes else reader.numbers(frame)
    own = known.labels[:, 0].long().numpy() if reader.own_classes else None
    errors = error_names(reader.targets)
    levels = _levels(model)
    found = []
    for n, (given, asked) in cuts_of(task.numpy(), seed=seed, own=own).items():
        if not len(asked):
            continue
        seen, rows = (known.only(torch.from_numpy(some)) for some in (given, asked))
        of_rows = None if numbers is None else numbers[asked]
        shown = model.knowing(names, seen, reader)
        told = judged_rows(shown, rows, of_rows)
        figures = {"log_density": told.log_density, **dict(zip(errors, told.error.T, strict=True))}
        figures |= _inside(shown, told, n, errors)
        if levels is not None:
            answers = levels.predictions(seen, rows, of_rows)
            figures["levels_log_density"] = answers.log_density
            figures |= {f"levels_{name}": error for name, error in zip(errors, answers.error.T, strict=True)}
        found.append(_row(n, figures, task.numpy()[asked]))
    if not found:
        what = "two labelled rows of a class that is known" if reader.own_classes else "labelled row"
        raise DataError(f"The table has no {what} to judge by. Give rows with labels.")
    return pd.DataFrame(found).set_index("known_rows")


def _inside(model: InContextModel, told: RowPredictions, n: int, errors: Sequence[str]) -> _Figures:
    """Tell which labels lie in intervals of 90 %; nothing of classes."""
    if model.reader.of_classes:
        return {}
    found = {}
    for index, name in enumerate(errors):
        spread = model.spreads[index] if model.spreads else None
        level = _INTERVALS if spread is None else float(spread.radius(torch.tensor([n]), _INTERVALS))
        found[name.replace("rmse", "inside_90", 1)] = (told.level[:, index] <= level).astype(float)
    return found


def _levels(model: InContextModel) -> TaskLevels | None:
    """Return what known tasks say of levels; None where they are too few, or have classes of their own."""
    task = model.known.task.numpy()
    if len(np.unique(task)) < 2 or len(task) == len(np.unique(task)) or model.reader.own_classes:
        return None
    return TaskLevels.of(model.targets, model.known)


def _row(n: int, figures: _Figures, task: np.ndarray) -> dict[str, Any]:
    """Average the figures of rows over tasks."""
    codes, counts = np.unique(task, return_inverse=True, return_counts=True)[1:]
    row: dict[str, Any] = {"known_rows": n, "tasks": len(counts)}
    for name, values in figures.items():
        by_task = np.bincount(codes, weights=values) / counts
        by_task = np.sqrt(by_task) if name.removeprefix("levels_").startswith("rmse") else by_task
        interval = mean_interval(by_task.tolist())
        row[name] = interval.mean
        if name.startswith(("log_density", "rmse", "error_rate")):
            row[f"{name}_half_width"] = interval.half_width if len(counts) > 1 else math.nan
    return row
