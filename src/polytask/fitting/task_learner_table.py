"""A table with many small tasks, read for learners of numbers: features, labels, tasks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.data import TableEncoder
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import asked_as, fit_targets
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import labelled_rows
from polytask.fitting.task_table_fit import pooled_columns, read_tasks
from polytask.models.in_context_reading import InContextReader
from polytask.models.known_rows import KnownRows
from polytask.models.task_names import TaskNames

__all__ = ["FoldOfTasks", "TaskLearnerTable", "deal_tasks", "holds_classes", "read_task_table"]

_FEWEST_TASKS = 6
_N_FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskLearnerTable:
    """What learners of numbers are given.

    Args:
        frame: The rows with a label, in their order.
        columns: The roles of their columns, but for the task column.
        reader: How rows are read.
        names: The tasks.
        known: All rows, encoded; in the order of the frame.
        messages: What was noteworthy.
    """

    frame: pd.DataFrame
    columns: Columns
    reader: InContextReader
    names: TaskNames
    known: KnownRows
    messages: tuple[str, ...]

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """Return labels in units of the column, float64 ``[row]``, for rows by their numbers."""
        return self.reader.numbers(self.frame.iloc[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldOfTasks:
    """Rows of tasks to train on, and of others to judge by: their numbers in a `TaskLearnerTable`."""

    train: np.ndarray
    held_out: np.ndarray


def read_task_table(frame: pd.DataFrame, columns: Columns, task_column: str) -> TaskLearnerTable:
    """Read a table for learners of numbers.

    Args:
        frame: A table, as `read_table` returns it.
        columns: The roles of its columns, but for the task column.
        task_column: Tells the task of each row.

    Raises:
        DataError: The target is no number; tasks or rows are too few; or the table cannot be used.
        InputError: Columns have roles that do not go together.
    """
    pooled = pooled_columns(columns, task_column)
    features = pooled.features(frame)
    code, names, notes = read_tasks(frame, pooled, task_column)
    rows = labelled_rows(split_labels(frame, columns.targets), len(frame))
    (target,) = fit_targets(frame, columns.targets, train_rows=rows)
    if target.task.kind != "regression":
        raise DataError(
            f"Target {target.task.name!r} holds classes, but networks of rows answer numbers. Ask for "
            f"{asked_as(target.task.name, 'regression')} if they are amounts, or choose 'mixed' as "
            "`learner`."
        )
    n_useful = int((np.bincount(code[code >= 0]) > 1).sum())
    if n_useful < _FEWEST_TASKS:
        raise DataError(
            f"{counted(n_useful, 'task')} of {task_column!r} {'has' if n_useful == 1 else 'have'} two "
            f"labelled rows or more; at least {_FEWEST_TASKS} are needed to learn what tasks have in common. "
            "Add tasks, or use a column with more of them."
        )
    encoder = TableEncoder.fit(frame, columns=features, train_rows=rows)
    reader = InContextReader(encoder=encoder, target=target, column=task_column)
    inputs, report = encoder.transform(frame)
    labels, mask = target.encode(frame[target.task.name])
    kept = torch.from_numpy(np.flatnonzero((code >= 0) & mask.numpy()))
    known = KnownRows(inputs=inputs[kept], labels=labels[kept], task=torch.from_numpy(code)[kept])
    messages = (*notes, *target_messages(frame, [target], asked=columns.targets), *report.messages())
    return TaskLearnerTable(
        frame=frame.iloc[kept.numpy()],
        columns=columns,
        reader=reader,
        names=TaskNames(names),
        known=known,
        messages=messages,
    )


def holds_classes(frame: pd.DataFrame, columns: Columns) -> bool:
    """Tell whether a target is none of numbers; not where the table lacks it, which is refused elsewhere."""
    try:
        rows = labelled_rows(split_labels(frame, columns.targets), len(frame))
        found = fit_targets(frame, columns.targets, train_rows=rows)
    except DataError:
        return False
    return any(target.task.kind != "regression" for target in found)


def deal_tasks(table: TaskLearnerTable, *, seed: int) -> list[FoldOfTasks]:
    """Deal whole tasks into three folds."""
    task = table.known.task.numpy()
    order = numpy_generator(seed, "folds of tasks").permutation(len(table.names.names))
    fold = (np.argsort(order) % _N_FOLDS)[task]
    return [
        FoldOfTasks(train=np.flatnonzero(fold != index), held_out=np.flatnonzero(fold == index))
        for index in range(_N_FOLDS)
    ]
