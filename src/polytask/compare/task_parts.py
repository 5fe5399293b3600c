"""How much is known of a task in each comparison of a folder, and what these comparisons are called."""

from pathlib import Path
from typing import TypeAlias

from polytask.core import BundleError, InputError
from polytask.core.strict_json import parse_json

__all__ = ["KNOWN", "TASKS_FILE", "TaskRowsKnown", "part_folder", "read_task_parts", "words_of"]

KNOWN = "most"
"""Stands for new rows of tasks of which most rows are known."""

TASKS_FILE = "tasks.json"
"""Names the comparisons of a folder, one for each number of known rows."""

TaskRowsKnown: TypeAlias = int | str
"""How many rows of a task are known: a number of a new task's, or `KNOWN`."""


def words_of(known: TaskRowsKnown) -> str:
    """Say what a comparison judges by.

    Example:
        >>> words_of(0), words_of(1), words_of("most")
        ('new tasks without a row', 'new tasks with 1 row', 'new rows of known tasks')
    """
    if known == KNOWN:
        return "new rows of known tasks"
    return "new tasks without a row" if known == 0 else f"new tasks with {known} row{'s' * (known != 1)}"


def part_folder(known: TaskRowsKnown) -> str:
    """Return the name of the folder of a comparison within that of all.

    Example:
        >>> part_folder(5)
        'rows-5'
    """
    return f"rows-{known}"


def read_task_parts(folder: Path) -> tuple[list[TaskRowsKnown], str] | None:
    """Read which comparisons a folder holds, by what is known of a task, and the task column.

    Returns:
        None where it holds none of tasks.

    Raises:
        BundleError: The file that names them is damaged.
    """
    path = folder / TASKS_FILE
    if not path.exists():
        return None
    try:
        stored = parse_json(path.read_bytes())
        task_rows, column = stored["task_rows"], stored["task_column"]
        named = isinstance(task_rows, list) and bool(task_rows) and isinstance(column, str)
        if not named or not all(known == KNOWN or isinstance(known, int) for known in task_rows):
            raise InputError("it names no comparisons")
    except (OSError, InputError, KeyError, TypeError) as error:
        raise BundleError(
            f"{path} is damaged: {error}. Begin the comparison anew in another folder."
        ) from error
    return task_rows, column
