"""Tables whose rows belong to tasks, by a column: the same target asked in every school, shop or patient."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.compare.table_rows import TableRows
from polytask.core import Batch, DataError, InputError, derive_seed
from polytask.core.names import counted, short_name
from polytask.data.tables.column import column_categories, column_hint
from polytask.data.tables.folds import Fold, folds_of_rows
from polytask.data.tables.label_split import Labels
from polytask.data.tables.target_kinds import parse_target
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_folds import fold_labels
from polytask.fitting.table_preparation import PreparedTable, prepare_table

__all__ = ["FEWEST_LABELS", "deal_tasks", "prepare_by_task"]

FEWEST_LABELS = 10
"""Rows that a value of the column needs to be a task."""


def prepare_by_task(
    frame: pd.DataFrame, columns: Columns, task_column: str, *, folds: Any, seed: int
) -> PreparedTable:
    """Encode a table of one target, and make every value of a column a task of its own.

    All tasks have the unit of the column, and a row has a label of its own task alone. Rows without a task,
    and tasks with fewer than 10 rows, are left out.

    Args:
        frame: A table, as `read_table` returns it.
        columns: What its columns are; one target.
        task_column: The column of tasks; no feature.
        folds: As for `prepare_table`; a number deals the rows of every task evenly.
        seed: Decides the folds.

    Raises:
        InputError: There are several targets, or the column has another role, too.
        DataError: There is no such column, or there are fewer than two tasks.
    """
    _check(frame, columns, task_column)
    values = column_categories(frame[task_column])
    names, counts = np.unique(values[values != None].astype(str), return_counts=True)  # noqa: E711 - by element
    usual = {name for name, count in zip(names.tolist(), counts.tolist()) if count >= FEWEST_LABELS}
    if len(usual) < 2:
        raise _too_few(task_column, len(usual))
    used = np.array([value in usual for value in values], dtype=bool)
    whole = prepare_table(
        frame[used].reset_index(drop=True),
        replace(columns, drop=tuple(dict.fromkeys((*columns.drop, task_column)))),
        folds=folds,
        seed=seed,
    )
    tasks = values[used][whole.indices].astype(str)
    kept = [name for name in sorted(usual, key=_in_order) if (tasks == name).sum() >= FEWEST_LABELS]
    if len(kept) < 2:
        raise _too_few(task_column, len(kept))
    target = whole.targets[0]
    titles = {name: f"{task_column}={name}" for name in kept}
    rows = _rows(whole, tasks, titles)
    targets = tuple(replace(target, task=replace(target.task, name=title)) for title in titles.values())
    lacking = len(names) - len(kept)
    notes = [
        *([f"{counted(lacking, 'value')} of {task_column!r} with fewer than {FEWEST_LABELS} labelled rows "
           f"{'is' if lacking == 1 else 'are'} left out."] if lacking else []),
        *([f"{counted(n_without, 'row')} without a value of {task_column!r} left out."]
          if (n_without := int((values == None).sum())) else []),  # noqa: E711 - by element
    ]  # fmt: skip
    prepared = replace(whole, targets=targets, rows=rows, messages=(*whole.messages, *notes))
    if not isinstance(folds, int):
        return prepared
    dealt = deal_tasks(TableRows.of(prepared), folds, seed=derive_seed(seed, "tasks"))
    return replace(prepared, repeats=(dealt,))


def deal_tasks(rows: TableRows, n_folds: int, *, seed: int) -> tuple[Fold, ...]:
    """Deal rows into folds; where each has a label of one task alone, the rows of every task evenly.

    Args:
        rows: The rows.
        n_folds: How many.
        seed: Decides the folds.
    """
    known = torch.stack([rows.batch.labelled(task.name) for task in rows.tasks])  # [task, row]
    if rows.groups is not None or rows.times is not None or bool((known.sum(0) > 1).any()):
        return rows.folds(n_folds, seed=seed)
    codes, start = np.full(len(rows), -1), 0
    for target in rows.targets:
        own = fold_labels(target, rows.batch).codes
        codes = np.where(own >= 0, own + start, codes)
        start += int(own.max()) + 1
    return folds_of_rows(len(rows), n_folds=n_folds, seed=seed, labels=[Labels(codes=codes)])


def _check(frame: pd.DataFrame, columns: Columns, task_column: str) -> None:
    if len(columns.targets) != 1:
        raise InputError(
            f"With `task_column` the rows of each value are a task, so that there is one target; got "
            f"{len(columns.targets)}. Relate them one by one, or leave out `task_column`."
        )
    if task_column not in frame.columns:
        raise DataError(
            f"`task_column`: there is no column {task_column!r}; {column_hint(frame, task_column)}"
        )
    if parse_target(columns.targets[0], frame.columns)[0] == task_column:
        raise InputError(
            f"`task_column` and `targets` are both {task_column!r}; a task is not told by what is predicted. "
            "Give another column."
        )
    roles = {"group": columns.group, "time_column": columns.time, "weight_column": columns.weight}
    taken = [role for role, name in roles.items() if name == task_column]
    if taken:
        raise InputError(
            f"`task_column` and `{taken[0]}` are both {task_column!r}; a column has one role. Leave one out."
        )


def _too_few(task_column: str, n_tasks: int) -> DataError:
    return DataError(
        f"The column {task_column!r} of `task_column` has {counted(n_tasks, 'value')} with {FEWEST_LABELS} "
        "labelled rows or more, but relating tasks needs two. Give another column, or more rows."
    )


def _rows(whole: PreparedTable, tasks: np.ndarray, titles: dict[str, str]) -> Batch:
    """Share the labels among the tasks; a row has one of its own task alone."""
    name = whole.tasks[0].name
    labels, known = whole.rows.targets[name], whole.rows.labelled(name)
    members = {title: torch.from_numpy(tasks == value) & known for value, title in titles.items()}
    return Batch(inputs=whole.rows.inputs, targets=dict.fromkeys(titles.values(), labels), masks=members)


def _in_order(name: str) -> tuple[int, float, str]:
    """Let numbers come by size, and texts after them."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, short_name(name)
