"""Compare models on the tasks of a task column: pooled, each task's own, or what knows each of many."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polytask.compare.asked import Asked
from polytask.compare.plan import Plan, open_plan, write_plan
from polytask.compare.table_rows import TableRows
from polytask.compare.task_folds import folds_of_new_rows, folds_of_new_tasks
from polytask.compare.task_parts import (
    KNOWN,
    TASKS_FILE,
    TaskRowsKnown,
    part_folder,
    read_task_parts,
    words_of,
)
from polytask.core import DataError, InputError, ResultWarning, derive_seed
from polytask.core.files import write_atomically
from polytask.core.settings import SettingsCheck
from polytask.core.strict_json import format_json
from polytask.data.tables.folds import Fold
from polytask.fitting.table_columns import Columns
from polytask.fitting.task_table_fit import pooled_columns, read_tasks

__all__ = [
    "TASK_FOLDS",
    "check_task_rows",
    "open_task_plans",
    "task_columns",
    "task_plans",
    "write_task_plans",
]

TASK_FOLDS = 3
"""Folds where none are asked for: each candidate is fitted once more for each number of known rows."""

_USUAL: tuple[TaskRowsKnown, ...] = (KNOWN, 0, 1, 5, 20)


def check_task_rows(check: SettingsCheck, given: Any) -> tuple[TaskRowsKnown, ...]:
    """Check what is known of tasks in a comparison; None for the usual: most, 0, 1, 5 and 20 rows."""
    if given is None:
        return _USUAL
    asked = [given] if isinstance(given, int | str) else list(given)
    found: list[TaskRowsKnown] = []
    for one in asked:
        if one == KNOWN:
            found.append(KNOWN)
        elif isinstance(one, str) and one.isdigit():
            found.append(int(one))
        elif isinstance(one, int) and not isinstance(one, bool) and one >= 0:
            found.append(one)
        else:
            check.problems.append(
                f"`task_rows` are whole numbers from 0 on, or 'most' for new rows of known tasks; got {one!r}"
            )
    if not asked:
        check.problems.append("`task_rows` is empty; leave it out, or name one")
    return tuple(dict.fromkeys(found))


def task_columns(columns: Columns, task_column: Any, folds: Any) -> Columns:
    """Return the roles of columns for a comparison on tasks, which keeps tasks whole.

    Raises:
        InputError: There is another role that folds would have to follow, or folds are no number.
    """
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int)):
        raise InputError(
            "`folds` is a number where there is a `task_column`: rows are dealt by whole tasks, and those of "
            "each task. Leave it out, or give a number."
        )
    return pooled_columns(columns, str(task_column))


def write_task_plans(
    folder: Path, asked: Asked, task_rows: Sequence[TaskRowsKnown], *, seed: int, files: Mapping[str, str]
) -> dict[TaskRowsKnown, Plan]:
    """Begin comparisons in a folder, one for each number of known rows, or go on with those that are there.

    Raises:
        InputError: The folder cannot be written, or holds something else.
        BundleError: It holds another comparison.
        DataError: No task has as many rows.
    """
    task_column, rows = str(asked.columns.group), TableRows.of(asked.prepared)
    plans = {
        plan["data"]["task_rows"]: write_plan(folder / name, rows, repeats, asked.candidates, **plan)
        for name, repeats, plan in task_plans(rows, asked, task_rows, seed=seed, stacklevel=4)
    }
    for name, text in files.items():
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))
    told = format_json({"task_column": task_column, "task_rows": list(plans)}) + "\n"
    write_atomically(folder / TASKS_FILE, lambda file: file.write(told.encode()))
    return plans


def task_plans(
    rows: TableRows, asked: Asked, task_rows: Sequence[TaskRowsKnown], *, seed: int, stacklevel: int = 3
) -> list[tuple[str, list[tuple[Fold, ...]], dict[str, Any]]]:
    """Plan a comparison for each number of known rows: its folder's name, its folds, what `write_plan` takes.

    Raises:
        DataError: No task has as many rows, or a labelled row has no task.
    """
    task_column = str(asked.columns.group)
    read_tasks(asked.frame, asked.columns, task_column)  # refuses rows without a task
    repeats = {known: _repeats(rows, asked, known, seed) for known in task_rows}
    lacking = [known for known, dealt in repeats.items() if not all(dealt)]
    if lacking:
        told = ", ".join(words_of(known) for known in lacking)
        if len(lacking) == len(task_rows):
            raise DataError(
                f"No task of {task_column!r} has enough rows to judge {told}. Ask for fewer by `task_rows`."
            )
        warnings.warn(
            f"{told[:1].upper()}{told[1:]}: no task has enough rows, so that this is left out.",
            ResultWarning,
            stacklevel=stacklevel,
        )
    return [
        (
            part_folder(known),
            repeats[known],
            {**asked.plan, "data": {**asked.plan["data"], "task_column": task_column, "task_rows": known}},
        )
        for known in task_rows
        if known not in lacking
    ]


def open_task_plans(folder: Path) -> tuple[dict[TaskRowsKnown, Plan], str] | None:
    """Read the comparisons of a folder, with the task column; None where it is none of tasks.

    Raises:
        BundleError: It is damaged.
    """
    parts = read_task_parts(folder)
    if parts is None:
        return None
    task_rows, column = parts
    return {known: open_plan(folder / part_folder(known)) for known in task_rows}, column


def _repeats(rows: TableRows, asked: Asked, known: TaskRowsKnown, seed: int) -> list[tuple[Fold, ...]]:
    """Deal the rows into folds, once for each repeat."""
    task = rows.known_groups
    dealt: list[tuple[Fold, ...]] = []
    for repeat, folds in enumerate(asked.prepared.repeats):
        of_repeat = derive_seed(seed, "task folds", repeat)
        if isinstance(known, str):
            dealt.append(folds_of_new_rows(task, n_folds=len(folds), seed=of_repeat))
        else:
            dealt.append(folds_of_new_tasks(task, folds, known, seed=of_repeat))
    return dealt
