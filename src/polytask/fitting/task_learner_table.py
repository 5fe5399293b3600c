"""A table with many small tasks, read for learners: features, labels, tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError
from polytask.core.names import counted
from polytask.core.random import numpy_generator
from polytask.data import TableEncoder
from polytask.data.tables.column import one_column
from polytask.data.tables.problems import look_alikes
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_kinds import parse_target
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import fit_targets
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import labelled_rows
from polytask.fitting.task_table_fit import pooled_columns, read_tasks
from polytask.models.in_context_config import MOST_CLASSES
from polytask.models.in_context_reading import InContextReader
from polytask.models.known_rows import KnownRows
from polytask.models.label_checks import check_classes, partly_text
from polytask.models.own_classes import own_classes_text, own_target, with_classes
from polytask.models.task_names import TaskNames

__all__ = [
    "FEWEST_TASKS",
    "FoldOfTasks",
    "ReadTargets",
    "TaskLearnerTable",
    "deal_tasks",
    "read_targets",
    "read_task_table",
]

FEWEST_TASKS = 6
"""With two labelled rows or more, with which learners are tried."""
_N_FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskLearnerTable:
    """What learners are given.

    Args:
        frame: The rows with labels of all targets, in their order.
        columns: The roles of their columns, but for the task column.
        reader: How rows are read.
        names: The tasks.
        known: All rows, encoded; in the order of the frame.
        messages: What was noteworthy.
        n_classes: The most of a task for which networks are built; 0 for numbers.
    """

    frame: pd.DataFrame
    columns: Columns
    reader: InContextReader
    names: TaskNames
    known: KnownRows
    messages: tuple[str, ...]
    n_classes: int = 0

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """Return labels in units of the columns, float64 ``[row, target]``, for rows by their numbers."""
        return self.reader.numbers(self.frame.iloc[rows])

    @property
    def own(self) -> np.ndarray | None:
        """The class of each row ``[row]`` where each task has classes of its own; else None."""
        return self.known.labels[:, 0].long().numpy() if self.reader.own_classes else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadTargets:
    """The targets of a table, and the numbers of the rows that have a label of any of them."""

    targets: tuple[TargetColumn, ...]
    rows: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldOfTasks:
    """Rows of tasks to train on, and of others to judge by: their numbers in a `TaskLearnerTable`."""

    train: np.ndarray
    held_out: np.ndarray


def read_task_table(
    frame: pd.DataFrame,
    columns: Columns,
    task_column: str,
    *,
    own_classes: bool = False,
    most_classes: int | None = None,
    read: ReadTargets | None = None,
) -> TaskLearnerTable:
    """Read a table for learners of numbers, or of classes.

    Args:
        frame: A table, as `read_table` returns it.
        columns: The roles of its columns, but for the task column.
        task_column: Tells the task of each row.
        own_classes: Whether each task has classes of its own.
        most_classes: Of a task, for which networks are built; None for as many as there are, up to 10.
        read: What `read_targets` returns for the same columns, where that is at hand.

    Raises:
        DataError: The targets are not numbers, or one column of few enough classes; tasks or rows are too
            few; or the table cannot be used.
        InputError: Columns have roles that do not go together.
    """
    pooled = pooled_columns(columns, task_column)
    features = pooled.features(frame)
    code, names, notes = read_tasks(frame, pooled, task_column)
    read = read_targets(frame, columns, own_classes=own_classes) if read is None else read
    targets = read.targets
    encoder = TableEncoder.fit(frame, columns=features, train_rows=read.rows)
    reader = InContextReader(encoder=encoder, targets=targets, column=task_column, own_classes=own_classes)
    inputs, report = encoder.transform(frame)
    labels, mask = reader.labels(frame)
    code = np.where(mask.numpy(), code, -1)  # of rows that lack a target nothing is read
    _check_tasks(code, task_column)
    if own_classes:
        _check_own(code, labels[:, 0].long().numpy(), task_column)
    kept = torch.from_numpy(np.flatnonzero(code >= 0))
    known = KnownRows(inputs=inputs[kept], labels=labels[kept], task=torch.from_numpy(code)[kept])
    messages = [*notes, *report.messages()]
    if own_classes:
        messages += look_alikes(targets[0].classes, f"Target {targets[0].task.name!r}", "classes")
    else:
        messages += target_messages(frame, targets, asked=columns.targets)
    if partly := reader.partly_labelled(frame, mask):
        messages.append(partly_text(partly))
    return TaskLearnerTable(
        frame=frame.iloc[kept.numpy()],
        columns=columns,
        reader=reader,
        names=TaskNames(names),
        known=known,
        messages=tuple(messages),
        n_classes=_n_classes(reader, known, names, most_classes) if reader.of_classes else 0,
    )


def _check_tasks(code: np.ndarray, task_column: str) -> None:
    """Refuse a table with too few tasks, by the number of the task of each row, -1 for none."""
    n_useful = int((np.bincount(code[code >= 0]) > 1).sum())
    if n_useful < FEWEST_TASKS:
        raise DataError(
            f"{counted(n_useful, 'task')} of {task_column!r} {'has' if n_useful == 1 else 'have'} two "
            f"labelled rows or more; at least {FEWEST_TASKS} are needed to learn what tasks have in common. "
            "Add tasks, or use a column with more of them."
        )


def _check_own(code: np.ndarray, classes: np.ndarray, task_column: str) -> None:
    """Refuse a table in which too few tasks have two classes, and one of them twice."""
    n_useful = 0
    for number in range(int(code.max()) + 1):
        counts = np.unique(classes[code == number], return_counts=True)[1]
        n_useful += len(counts) > 1 and int(counts.max()) > 1
    if n_useful < FEWEST_TASKS:
        raise DataError(
            f"{counted(n_useful, 'task')} of {task_column!r} {'has' if n_useful == 1 else 'have'} two "
            f"classes, one of them in two rows; at least {FEWEST_TASKS} are needed to learn how classes are "
            "told apart. Add rows, or leave out that each task has classes of its own."
        )


def _n_classes(
    reader: InContextReader, known: KnownRows, names: Sequence[str], most_classes: int | None
) -> int:
    """Return for how many classes networks are built.

    Raises:
        DataError: A task, or where they mean the same the table, has more.
    """
    most = MOST_CLASSES if most_classes is None else most_classes
    if reader.own_classes:
        check_classes(known, TaskNames(names), most, of_tasks=True)
        pairs = torch.stack([known.task, known.labels[:, 0].long()], 1).unique(dim=0)
        there = max(2, int(pairs[:, 0].bincount().max()))
        return there if most_classes is None else most
    there = len(reader.target.classes)
    if there > most:
        raise DataError(
            f"Target {reader.target.task.name!r} has {there} classes, but networks of rows are built for "
            f"{most}. Raise `most_classes`, choose 'mixed' as `learner`, or, if each task has classes of its "
            f"own, ask for {own_classes_text()}."
        )
    return there


def read_targets(frame: pd.DataFrame, columns: Columns, *, own_classes: bool = False) -> ReadTargets:
    """Read the targets of a table, and which rows have labels.

    Args:
        frame: A table, as `read_table` returns it.
        columns: The roles of its columns.
        own_classes: Whether each task has classes of its own.

    Raises:
        DataError: They cannot be read, or are numbers where classes are asked for.
    """
    rows = labelled_rows(split_labels(frame, columns.targets), len(frame))
    if not own_classes:
        return ReadTargets(targets=tuple(fit_targets(frame, columns.targets, train_rows=rows)), rows=rows)
    (text,) = columns.targets
    name, kind = parse_target(text, frame.columns)
    if kind not in (None, "multiclass", "binary"):
        raise DataError(
            f"Target {name!r} is asked as {kind}, but `own_classes` are classes. Leave one of them out."
        )
    own = with_classes(own_target(name), one_column(frame, name))
    return ReadTargets(targets=(own,), rows=rows)


def deal_tasks(table: TaskLearnerTable, *, seed: int) -> list[FoldOfTasks]:
    """Deal whole tasks into three folds."""
    task = table.known.task.numpy()
    order = numpy_generator(seed, "folds of tasks").permutation(len(table.names.names))
    fold = (np.argsort(order) % _N_FOLDS)[task]
    return [
        FoldOfTasks(train=np.flatnonzero(fold != index), held_out=np.flatnonzero(fold == index))
        for index in range(_N_FOLDS)
    ]
