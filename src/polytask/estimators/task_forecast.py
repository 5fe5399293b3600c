"""Forecast new tasks from their first rows: what a model with tasks is for, tried on tasks held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.core.random import numpy_generator
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.column import column_categories, column_numbers, one_column
from polytask.data.tables.splits import row_order_values
from polytask.estimators.fit_table import fit
from polytask.models.task_table_model import TaskTableModel

__all__ = ["TaskForecast", "forecast_new_tasks"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskForecast:
    """What became of tasks of which only the first rows were known.

    Args:
        model: Fitted to the other tasks, and adapted to the first rows of these.
        rows: The later rows: task, order, label, and what the model, the pooled model moved by its mean error
            on the first rows (``shifted``), and a straight line through the task's own first rows (``line``)
            predict.
        errors: The root mean squared error of each.
    """

    model: TaskTableModel
    rows: pd.DataFrame
    errors: Mapping[str, float]


def forecast_new_tasks(
    table: Any,
    target: str,
    *,
    task_column: str,
    order: str,
    n_first: int = 4,
    share: float = 0.2,
    seed: int = 0,
    **settings: Any,
) -> TaskForecast:
    """Hold tasks out, learn each from its first rows, and forecast the later ones.

    Args:
        table: As for `polytask.fit`.
        target: A column of numbers, as ``NAME``, ``NAME:regression`` or ``NAME:log``.
        task_column: Tells the task of a row.
        order: The column by which rows of a task are first or later, such as a day.
        n_first: Rows of each new task that are known.
        share: Of tasks that are held out.
        seed: Decides which, and the fit.
        **settings: Others of `polytask.fit`.

    Raises:
        InputError: A setting is wrong.
        DataError: No task that is held out has later rows, or the target is no number.

    Example:
        >>> day = np.tile(np.arange(8.0), 30)
        >>> name = np.repeat(np.arange(30), 8)
        >>> table = pd.DataFrame({"child": name, "day": day, "size": 50 + (1 + name % 5) * day})
        >>> found = forecast_new_tasks(table, "size", task_column="child", order="day", n_first=3, epochs=5)
        >>> sorted(found.errors)
        ['line', 'model', 'shifted']
    """
    check = SettingsCheck()
    check.whole("n_first", n_first, least=1)
    check.number("share", share, above=0, below=1)
    check.done()
    frame = read_table(table)
    tasks = column_categories(one_column(frame, task_column)).astype(str)
    when = row_order_values(one_column(frame, order))
    names = np.unique(tasks)
    n_held_out = max(1, min(len(names) - 2, round(share * len(names))))
    held_out = names[numpy_generator(seed, "new tasks").permutation(len(names))[:n_held_out]]
    new = np.isin(tasks, held_out)
    rank = pd.Series(when).groupby(tasks).rank(method="first").to_numpy()
    first, later = new & (rank <= n_first), new & (rank > n_first)
    if not later.any():
        raise DataError(f"No task that was held out has more than {n_first} rows. Let fewer be known.")
    model = fit(frame[~new], target, task_column=task_column, seed=seed, **settings)
    name = model.targets[0].task.name
    labels = column_numbers(one_column(frame, name))
    if model.targets[0].classes:
        raise DataError(f"Target {name!r} has classes, but a forecast is of numbers. Name another target.")
    adapted = model.adapt(frame[first])
    pooled = model.pooled.predict(frame)[name].to_numpy()
    found = pd.DataFrame({task_column: tasks[later], order: when[later], name: labels[later]})
    found["model"] = adapted.predict(frame[later])[name].to_numpy()
    for task in np.unique(tasks[later]):
        known, asked = first & (tasks == task), tasks[later] == task
        moved = float(np.nanmean(labels[known] - pooled[known]))
        found.loc[asked, "shifted"] = pooled[later][asked] + moved
        found.loc[asked, "line"] = _line(when[known], labels[known], when[later][asked])
    judged = found[np.isfinite(found[name])]
    errors = {
        side: float(np.sqrt(np.mean((judged[side] - judged[name]) ** 2)))
        for side in ("model", "shifted", "line")
    }
    return TaskForecast(model=adapted, rows=found, errors=errors)


def _line(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Go on along the line of least squares; level where all known rows are at one time."""
    middle, level = known.mean(), float(np.nanmean(labels))
    width = float(np.square(known - middle).sum())
    slope = 0.0 if width == 0 else float(((known - middle) * (labels - level)).sum() / width)
    return level + slope * (asked - middle)
