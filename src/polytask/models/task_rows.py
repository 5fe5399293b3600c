"""Rows of a table, and the task of each; what is noteworthy of them is gathered piece by piece."""

import pandas as pd
from torch import Tensor

from polytask.core import DataError
from polytask.data.tables.column import column_hint, one_column
from polytask.data.tables.features import EncodingReport, TableEncoder
from polytask.data.tables.problems import examples, some_rows
from polytask.models.task_names import TaskNames

__all__ = ["TaskRows", "named_tasks", "task_column"]


class TaskRows:
    """Encodes rows and finds their tasks.

    Args:
        encoder: Encodes features.
        names: The tasks that are known.
        column: The column that tells the task of a row.
    """

    def __init__(self, encoder: TableEncoder, names: TaskNames, column: str) -> None:
        self.encoder, self.names, self.column = encoder, names, column
        self._report: EncodingReport | None = None
        self._n_unknown = 0
        self._unknown: dict[str, None] = {}  # in their order

    def encoded(self, frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
        """Encode some rows of a table, and find their tasks.

        Returns:
            The rows ``[row, feature]``, and the number of the task of each, long ``[row]``; -1 where it is
            not known.

        Raises:
            DataError: The task column is missing.
        """
        tasks = task_column(frame, self.column)
        code = self.names.codes(tasks)
        unknown = code.numpy() < 0
        self._n_unknown += int(unknown.sum())
        self._unknown |= dict.fromkeys(pd.unique(tasks[unknown].dropna().astype(str)))
        inputs, report = self.encoder.transform(frame)
        self._report = report if self._report is None else self._report.with_more(report)
        return inputs, code

    def messages(self) -> list[str]:
        """Say in words what was noteworthy of all rows so far."""
        found = []
        if self._n_unknown:
            which = f" ({examples(list(self._unknown))})" if self._unknown else ""
            found.append(
                f"The task of {some_rows(self._n_unknown)} is not known{which}: they are answered by what "
                "all tasks have in common."
            )
        return [*found, *([] if self._report is None else self._report.messages(fitting=False))]


def task_column(frame: pd.DataFrame, column: str, *, learned: bool = False) -> pd.Series:
    """Return the column that tells the task of each row.

    Args:
        frame: A table.
        column: Its name.
        learned: Whether the rows are learned from, so that each needs a task; of others it may be empty.

    Raises:
        DataError: There is none.
    """
    if column not in frame.columns:
        remedy = (
            "Add it, with the task of each row."
            if learned
            else "Add it; leave it empty where the task is not known."
        )
        raise DataError(
            f"The table has no column {column!r}, which tells the task of a row; "
            f"{column_hint(frame, column)} {remedy}"
        )
    return one_column(frame, column)


def named_tasks(frame: pd.DataFrame, column: str, names: TaskNames) -> tuple[TaskNames, Tensor]:
    """Add the tasks of a table that are not known.

    Args:
        frame: A table whose rows are learned from.
        column: Its column that tells the task of each row.
        names: The tasks that are known.

    Returns:
        All tasks, and the number of the task of each row, long ``[row]``.

    Raises:
        DataError: There is no such column, or a row has no task.
    """
    tasks = task_column(frame, column, learned=True)
    found = names.with_new(tasks)
    code = found.codes(tasks)
    if n_empty := int((code < 0).sum()):
        raise DataError(
            f"The task column {column!r} is empty in {some_rows(n_empty)}. Name the task of each row."
        )
    return found, code
