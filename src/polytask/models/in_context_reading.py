"""How rows of a table, or arrays, become the inputs and labels of a network that reads them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.data import TableEncoder, read_table
from polytask.data.tables.column import column_hint, one_column
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import TargetColumn
from polytask.models.encoded_rows import encoded_rows
from polytask.models.known_rows import MOST_ROWS
from polytask.models.own_classes import with_classes
from polytask.models.target_units import labels_of_density
from polytask.models.task_labels import labels_to_learn
from polytask.models.task_names import TaskNames
from polytask.models.task_rows import named_tasks, task_column

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
        targets: What is predicted: numbers, or one column of classes.
        column: The column that tells the task of a row; None where all rows are of one task.
        own_classes: Whether each task has classes of its own; the target then holds those that are known.

    Raises:
        InputError: The targets are something else.
    """

    encoder: TableEncoder
    targets: tuple[TargetColumn, ...]
    column: str | None
    own_classes: bool = False

    def __post_init__(self) -> None:
        if not self.targets:
            raise InputError("there must be a target")
        if len(self.targets) > 1 and any(target.task.kind != "regression" for target in self.targets):
            raise InputError("several targets must be numbers")
        if self.own_classes and self.target.task.kind == "regression":
            raise InputError(f"the target {self.target.task.name!r} has no classes")

    @property
    def target(self) -> TargetColumn:
        """The first target."""
        return self.targets[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the targets."""
        return tuple(target.task.name for target in self.targets)

    @property
    def of_classes(self) -> bool:
        """Whether classes are predicted."""
        return self.target.task.kind != "regression"

    def frame(self, source: Any, labels: Any = None) -> pd.DataFrame:
        """Read a table; or an array ``[row, input]``, with or without labels: numbers or classes ``[row]``.

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
            values = _classes(labels) if self.of_classes else _array(labels, "`labels`")
            if values.shape != (len(frame),):
                what = "class" if self.of_classes else "number"
                raise InputError(f"`labels` needs a {what} for each of the {len(frame)} rows.")
            frame[self.target.task.name] = values
        return frame

    def inputs(self, frame: pd.DataFrame, *, stacklevel: int) -> Tensor:
        """Encode rows, float32 ``[row, feature]``; see `encoded_rows`."""
        return encoded_rows(self.encoder, frame, stacklevel=stacklevel + 1)

    def numbers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return labels of numbers in units of the columns, float64 ``[row, target]``, NaN where is none.

        Raises:
            DataError: There is no such column, or a label cannot be read.
        """
        return np.stack([labels_of_density(target, frame) for target in self.targets], axis=1)

    def labels(self, frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
        """Return standardized labels or classes by index, float32 ``[row, target]``; and which rows have all.

        Raises:
            DataError: A column of a target is missing, a label cannot be read, or no row has all labels.
        """
        found = labels_to_learn(self.targets, frame)
        if lacking := [name for name in self.names if name not in found]:
            raise DataError(
                f"The rows have no column {lacking[0]!r}; {column_hint(frame, lacking[0])} The network reads "
                f"rows with labels of all its targets, {examples(self.names)}. Add the column."
            )
        there = torch.stack([mask for _, mask in found.values()], 1).all(1)
        if not bool(there.any()):
            raise DataError(
                f"No row has labels of all targets, {examples(self.names)}, which the network reads "
                "together. Fill them in."
            )
        return torch.stack([values.float() for values, _ in found.values()], 1), there

    def partly_labelled(self, frame: pd.DataFrame, labelled: Tensor) -> int:
        """Return how many rows have a label, but not of all targets; ``labelled`` are those that have all."""
        found = labels_to_learn(self.targets, frame)
        return int((torch.stack([mask for _, mask in found.values()], 1).any(1) & ~labelled).sum())

    def with_classes(self, frame: pd.DataFrame) -> "InContextReader":
        """Know the classes of a table, too, where tasks have classes of their own."""
        name = self.target.task.name
        if not self.own_classes or name not in frame.columns:
            return self
        return replace(self, targets=(with_classes(self.target, one_column(frame, name)),))

    def codes(self, frame: pd.DataFrame, names: TaskNames) -> Tensor:
        """Return the number of the task of each row, long ``[row]``; -1 where it is not known.

        Raises:
            DataError: The table lacks the task column.
        """
        if self.column is None:
            return torch.full((len(frame),), len(names.names) - 1)
        return names.codes(task_column(frame, self.column))

    def with_new(self, frame: pd.DataFrame, names: TaskNames) -> TaskNames:
        """Add the tasks of a table that are not known.

        Raises:
            DataError: The table lacks the task column, or a row has no task.
        """
        if self.column is None:
            return TaskNames([_ONE_TASK])
        return named_tasks(frame, self.column, names)[0]


def _classes(values: Any) -> np.ndarray:
    found = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    return np.asarray(pd.Series(found, dtype=None if isinstance(found, np.ndarray) else object))


def _array(values: Any, what: str) -> np.ndarray:
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what[:1].upper() + what[1:]} must be numbers.") from error
