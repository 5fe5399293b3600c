"""How well a network that reads rows answers new tasks of a table, by how many of their rows are known."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError, DataWarning, mean_interval
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.fitting.level_prior import LevelPrior
from polytask.fitting.new_task_scores import cuts_of, normal_predictions
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
        density of the labels, in nats, in units of the column; ``rmse``, the root of a task's mean squared
        error; each with the half width of its 95 % interval over tasks; ``inside_90``, the share of labels in
        intervals of 90 %; and, where the model knows tasks, ``levels_log_density`` and ``levels_rmse``: those
        of the simplest answer, a level for each task.

    Raises:
        DataError: The table lacks the task column or the labels, or has no label.

    Warns:
        DataWarning: Tasks of the table are those that the network was trained on, or that the model knows.
    """
    check = SettingsCheck()
    seed = check.whole("seed", seed, least=0)
    check.done()
    reader = model.reader
    frame = reader.frame(table)
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
    inputs = reader.inputs(frame, stacklevel=stacklevel + 1)
    known = KnownRows(inputs=inputs, labels=labels[labelled], task=task)
    prior = _levels(model)
    found = []
    for n, (given, asked) in cuts_of(task.numpy(), seed=seed).items():
        if len(asked):
            figures = _figures(model, names, known.only(torch.from_numpy(given)), frame.iloc[asked])
            if prior is not None:
                figures |= _of_levels(model, prior, known, given, asked, frame)
            found.append(_row(n, figures, task.numpy()[asked]))
    if not found:
        raise DataError("The table has no labelled row to judge by. Give rows with labels.")
    return pd.DataFrame(found).set_index("known_rows")


def _figures(model: InContextModel, names: TaskNames, given: KnownRows, asked: pd.DataFrame) -> _Figures:
    """Answer rows by those that are given, and judge each."""
    answers = model.knowing(names, given).predict(asked, intervals=_INTERVALS, log_density=True)
    name, labels = model.target.task.name, model.reader.numbers(asked)
    inside = (answers[f"{name}:low"] <= labels) & (labels <= answers[f"{name}:high"])
    return {
        "log_density": answers[f"{name}:log_density"].to_numpy(float),
        "rmse": (answers[name].to_numpy(float) - labels) ** 2,
        "inside_90": inside.to_numpy(float),
    }


def _levels(model: InContextModel) -> LevelPrior | None:
    """Return what the tasks that the model knows say of levels; None where they are too few."""
    task = model.known.task.numpy()
    if len(np.unique(task)) < 2 or len(task) == len(np.unique(task)):
        return None
    return LevelPrior.of(model.known.labels.double().numpy(), task)


def _of_levels(
    model: InContextModel,
    prior: LevelPrior,
    rows: KnownRows,
    given: np.ndarray,
    asked: np.ndarray,
    frame: pd.DataFrame,
) -> _Figures:
    labels, task = rows.labels.double().numpy(), rows.task.numpy()
    mean, variance = prior.predictions(labels[given], task[given], task[asked])
    numbers = model.reader.numbers(frame.iloc[asked])
    standardized, slope = model.target.standardized(numbers)
    density, _ = normal_predictions(mean, variance, standardized, slope)
    answers = model.target.units(torch.from_numpy(mean)).numpy()
    return {"levels_log_density": density, "levels_rmse": (answers - numbers) ** 2}


def _row(n: int, figures: _Figures, task: np.ndarray) -> dict[str, Any]:
    """Average the figures of rows over tasks."""
    codes, counts = np.unique(task, return_inverse=True, return_counts=True)[1:]
    row: dict[str, Any] = {"known_rows": n, "tasks": len(counts)}
    for name, values in figures.items():
        by_task = np.bincount(codes, weights=values) / counts
        by_task = np.sqrt(by_task) if name.endswith("rmse") else by_task
        interval = mean_interval(by_task.tolist())
        row[name] = interval.mean
        if name in ("log_density", "rmse"):
            row[f"{name}_half_width"] = interval.half_width if len(counts) > 1 else math.nan
    return row
