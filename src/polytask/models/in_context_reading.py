"""How rows of a table, or arrays, become the inputs and labels of a network that reads them."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, DataWarning, InputError
from polytask.core.names import counted
from polytask.data import TableEncoder, read_table
from polytask.data.tables.problems import some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.models.known_rows import MOST_ROWS
from polytask.models.predictive import Predictive
from polytask.models.target_units import labels_of_density
from polytask.models.task_labels import labels_to_learn
from polytask.models.task_names import TaskNames
from polytask.models.task_rows import task_column

__all__ = ["InContextReader", "most_rows_text"]

_ONE_TASK = "all rows"  # the name of the only task, where there is no column of tasks


def most_rows_text(n_tasks: int) -> str:
    """Say that of large tasks some rows are left out."""
    has = "has" if n_tasks == 1 else "have"
    return (
        f"{counted(n_tasks, 'task')} {has} more than {MOST_ROWS} labelled rows, of which the network reads "
        f"{MOST_ROWS}, drawn at random."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InContextReader:
    """How rows are read.

    Args:
        encoder: Encodes the features.
        target: The number that is predicted.
        column: The column that tells the task of a row; None where all rows are of one task.

    Raises:
        InputError: The target is no number.
    """

    encoder: TableEncoder
    target: TargetColumn
    column: str | None

    def __post_init__(self) -> None:
        if self.target.task.kind != "regression":
            raise InputError(f"the target {self.target.task.name!r} is no number")

    def frame(self, source: Any, labels: Any = None) -> pd.DataFrame:
        """Read a table; or an array ``[row, input]``, with or without labels ``[row]``.

        Raises:
            InputError: It is neither, or sizes do not fit.
            DataError: The table cannot be read.
        """
        if not isinstance(source, np.ndarray | Tensor | list | tuple) or self.column is not None:
            if labels is not None:
                raise InputError(
                    f"`labels` belong to an array of a model without a task column. Add a column "
                    f"{self.target.task.name!r} to the table."
                )
            return read_table(source)
        rows = _array(source, "the inputs")
        names = self.encoder.columns
        rows = rows[:, None] if rows.ndim == 1 and len(names) == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise InputError(
                f"The inputs have shape {list(rows.shape)}, but the model takes [row, {len(names)}]."
            )
        frame = pd.DataFrame(rows, columns=list(names))
        if labels is not None:
            values = _array(labels, "`labels`")
            if values.shape != (len(frame),):
                raise InputError(f"`labels` needs a number for each of the {len(frame)} rows.")
            frame[self.target.task.name] = values
        return frame

    def inputs(self, frame: pd.DataFrame, *, stacklevel: int) -> Tensor:
        """Encode rows, float32 ``[row, feature]``; what was not there in training is a `DataWarning`."""
        inputs, report = self.encoder.transform(frame)
        for message in report.messages(fitting=False):
            warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)
        return inputs

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the labels in units of the column, float64 ``[row]``, NaN where there is none.

        Raises:
            DataError: There is no such column, or a label cannot be read.
        """
        return labels_of_density(self.target, frame)

    def labels(self, frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
        """Return standardized labels ``[row]``, and where there is one.

        Raises:
            DataError: There is no label, or one cannot be read.
        """
        return labels_to_learn([self.target], frame)[self.target.task.name]

    def log_density(self, found: Predictive, labels: np.ndarray) -> np.ndarray:
        """Return the log density of labels in units of the column, NaN where there is no label."""
        standardized, slope = self.target.standardized(labels)
        at = torch.from_numpy(np.nan_to_num(standardized))
        return found.log_density(at).numpy() - slope

    def codes(self, frame: pd.DataFrame, names: TaskNames) -> Tensor:
        """Return the number of the task of each row, long ``[row]``; -1 where it is not known.

        Raises:
            DataError: The table lacks the task column.
        """
        if self.column is None:
            return torch.full((len(frame),), len(names.names) - 1)
        return names.codes(self._tasks(frame))

    def with_new(self, frame: pd.DataFrame, names: TaskNames) -> TaskNames:
        """Add the tasks of a table that are not known.

        Raises:
            DataError: The table lacks the task column, or a row has no task.
        """
        if self.column is None:
            return TaskNames([_ONE_TASK])
        column = self._tasks(frame, learned=True)
        found = names.with_new(column)
        if n_empty := int((found.codes(column) < 0).sum()):
            raise DataError(
                f"The task column {self.column!r} is empty in {some_rows(n_empty)}. Name the task of each "
                "row."
            )
        return found

    def _tasks(self, frame: pd.DataFrame, *, learned: bool = False) -> pd.Series:
        assert self.column is not None  # noqa: S101 - its callers have looked
        return task_column(frame, self.column, learned=learned)


def _array(values: Any, what: str) -> np.ndarray:
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what[:1].upper() + what[1:]} must be numbers.") from error
