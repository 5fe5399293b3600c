"""A trained model of a table whose rows belong to many tasks: shops, patients, schools."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, DataWarning, InputError, Task
from polytask.core.doors import by_door
from polytask.core.names import counted
from polytask.core.records import record_from_json
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.cell import canonical
from polytask.data.tables.column import column_distinct, column_hint, one_column
from polytask.data.tables.problems import examples, some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.table_model import TableModel
from polytask.models.target_tasks import TargetTasks
from polytask.models.task_table_results import TaskTableResults

__all__ = ["TaskNames", "TaskTableModel"]

_TASKS = "tasks."  # in the names of tensors


class TaskNames:
    """The known tasks by name, numbered in the order in which they came.

    A number that a table stores in another way, ``1.0`` for ``1``, is the same task.

    Example:
        >>> names = TaskNames(["1", "b"])
        >>> names.codes(pd.Series(["b", "1.0", "c", None])).tolist()
        [1, 0, -1, -1]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._index = {canonical(name): index for index, name in enumerate(self.names)}
        self._index |= {name: index for index, name in enumerate(self.names)}

    def codes(self, column: pd.Series) -> Tensor:
        """Return the number of the task of each row, long ``[row]``; -1 where it is empty or not known."""
        codes, _, texts = column_distinct(column)
        numbers = np.array([self._find(text) for text in texts] + [-1], dtype=np.int64)
        return torch.from_numpy(numbers[codes])

    def with_new(self, column: pd.Series) -> "TaskNames":
        """Add the tasks of a column that are not known."""
        _, _, texts = column_distinct(column)
        return TaskNames([*self.names, *(text for text in texts if self._find(text) < 0)])

    def _find(self, text: str) -> int:
        return self._index.get(text, self._index.get(canonical(text), -1))


class TaskTableModel(SavedModel):
    """Predicts targets of rows that belong to tasks; made by `polytask.fit` with a task column, or loaded.

    Args:
        pooled: The model of all tasks together.
        column: The column that tells the task of a row.
        tasks: The names of the tasks that are known.
        targets: What is known of them, for each target of the pooled model.
        results: Figures on held-out tasks; None for a loaded or an adapted model.
    """

    kind = "task-table"

    def __init__(
        self,
        pooled: TableModel,
        column: str,
        tasks: TaskNames,
        targets: Sequence[TargetTasks],
        *,
        results: TaskTableResults | None = None,
    ) -> None:
        self.pooled = pooled
        self.column = column
        self.names = tasks
        self.target_tasks = tuple(targets)
        self.results = results
        if [one.target.name for one in targets] != [one.task.name for one in pooled.targets]:
            raise InputError("the tasks are of other targets than the model")
        if any(len(one.counts) != len(tasks.names) for one in targets):
            raise InputError("there are more or fewer names than tasks")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that are known."""
        return self.names.names

    @property
    def data(self) -> dict[str, object]:
        """Where the model comes from."""
        return self.pooled.data

    @property
    def targets(self) -> tuple[TargetColumn, ...]:
        """The targets."""
        return self.pooled.targets

    def predict(self, table: Any, *, intervals: float | None = None, deviation: bool = False) -> pd.DataFrame:
        """Predict every target of every row, by what is known of its task.

        A task that is not known, or left empty, is answered by what all tasks have in common.

        Args:
            table: Rows with the feature columns and the task column, in whatever `read_table` reads.
            intervals: The share of labels of new tasks that shall lie in an interval, as 0.9; of numbers
                alone. It is that of held-out tasks with as many known rows, each counting as much.
            deviation: Whether to tell the standard deviation of numbers.

        Returns:
            One row per input row, as `TableModel.predict`; with ``deviation`` also ``TARGET:sd``, and with
            ``intervals`` ``TARGET:low`` and ``TARGET:high``, in units of the column.

        Raises:
            DataError: The table cannot be read, or lacks the task column.
            InputError: Intervals are asked for at an impossible level, or of classes alone.

        Warns:
            DataWarning: Tasks are not known, or rows have something that was not there in training.
        """
        self._check_asked(intervals, deviation)
        frame = read_table(table)
        code = self.names.codes(self._task_column(frame))
        self._warn_unknown(frame, code)
        inputs, outputs = self._pooled(frame)
        columns: dict[str, np.ndarray] = {}
        for target, known in zip(self.targets, self.target_tasks, strict=True):
            name = target.task.name
            answers, deviations = known.predictions(inputs, outputs[name], code)
            found = target.decode(answers)
            if known.spread is not None:
                n_rows, centre = known.n_rows(code), answers[:, 0]
                if deviation:
                    low, high = _ends(target, centre, deviations * known.spread.factor(n_rows))
                    found["sd"] = (high - low) / 2
                if intervals is not None:
                    low, high = _ends(target, centre, deviations * known.spread.radius(n_rows, intervals))
                    found |= {"low": low, "high": high}
            columns |= {f"{name}:{suffix}" if suffix else name: values for suffix, values in found.items()}
        return pd.DataFrame(columns, index=frame.index)

    def adapt(self, rows: Any) -> "TaskTableModel":
        """Learn new tasks, or more of known ones, from labelled rows; the model itself does not change.

        What is known of other tasks stays as it is, and so do their answers, bit for bit. The networks and
        the prior stay, too: that takes milliseconds.

        Args:
            rows: A table with the task column, the features, and labels of one target at least. Rows without
                any label teach nothing.

        Returns:
            A model that knows these tasks, too.

        Raises:
            DataError: The table lacks the task column or all targets; a row has no task; a label cannot be
                read; or there is no label at all.
        """
        frame = read_table(rows)
        column = self._task_column(frame)
        names = self.names.with_new(column)
        code = names.codes(column)
        if n_empty := int((code < 0).sum()):
            raise DataError(
                f"The task column {self.column!r} is empty in {some_rows(n_empty)}. Name the task of "
                "each row."
            )
        labels = self._labels(frame)
        inputs, outputs = self._pooled(frame)
        learned = []
        for target, known in zip(self.targets, self.target_tasks, strict=True):
            name = target.task.name
            values, mask = labels.get(name, (code, torch.zeros(len(code), dtype=torch.bool)))
            learned.append(
                known.learned(
                    inputs[mask], outputs[name][mask], values[mask], code[mask], n_tasks=len(names.names)
                )
            )
        return TaskTableModel(self.pooled, self.column, names, learned)

    def __repr__(self) -> str:
        """Name the targets with their kinds, the task column, and how many tasks are known."""
        targets = ", ".join(f"{target.task.name!r}: {target.kind}" for target in self.targets)
        return f"TaskTableModel({{{targets}}}; {counted(len(self.tasks), 'task')} by {self.column!r})"

    def _check_asked(self, intervals: float | None, deviation: bool) -> None:
        check = SettingsCheck()
        check.flag("deviation", deviation)
        if intervals is not None:
            check.number("intervals", intervals, above=0, below=1)
        check.done()
        asked = [name for name, given in (("intervals", intervals), ("deviation", deviation)) if given]
        if asked and all(known.spread is None for known in self.target_tasks):
            numbers = [one.task.name for one in self.targets if one.task.kind == "regression"]
            why = (
                f"too few held-out tasks or rows told how far off answers of {examples(numbers)} are"
                if numbers
                else "this model predicts classes alone"
            )
            raise InputError(f"`{asked[0]}` is for numbers, and {why}. Leave it out.")

    def _task_column(self, frame: pd.DataFrame) -> pd.Series:
        if self.column not in frame.columns:
            raise DataError(
                f"The table has no column {self.column!r}, which tells the task of a row; "
                f"{column_hint(frame, self.column)} Add it; leave it empty where the task is not known."
            )
        return one_column(frame, self.column)

    def _warn_unknown(self, frame: pd.DataFrame, code: Tensor) -> None:
        unknown = code.numpy() < 0
        if unknown.any():
            texts = pd.unique(frame[self.column][unknown].dropna().astype(str))
            which = f" ({examples(list(texts))})" if len(texts) else ""
            warnings.warn(
                f"The task of {some_rows(int(unknown.sum()))} is not known{which}: they are answered by what "
                "all tasks have in common.",
                DataWarning,
                stacklevel=3,
            )

    def _pooled(self, frame: pd.DataFrame) -> tuple[Tensor, dict[str, Tensor]]:
        """Encode rows, and ask the pooled model."""
        inputs, report = self.pooled.encoder.transform(frame)
        for message in report.messages(fitting=False):
            warnings.warn(message, DataWarning, stacklevel=4)
        return inputs, self.pooled.network_outputs(inputs)

    def _labels(self, frame: pd.DataFrame) -> dict[str, tuple[Tensor, Tensor]]:
        """Read the labels of the targets that are there."""
        there = [target for target in self.targets if target.task.name in frame.columns]
        names = [target.task.name for target in self.targets]
        if not there:
            raise DataError(
                f"The rows have no column of the targets, {examples(names)}, so there is nothing to learn a "
                f"task from; {column_hint(frame, names[0])}"
            )
        labels = {target.task.name: target.encode(one_column(frame, target.task.name)) for target in there}
        if not any(bool(mask.any()) for _, mask in labels.values()):
            predict = by_door(python="`predict`", command="polytask predict")
            raise DataError(
                f"No row has a label of {examples(list(labels))}, so there is nothing to learn a task from. "
                f"Label a row, or use {predict}, which answers unknown tasks as well."
            )
        return labels

    def _contents(self) -> Contents:
        pooled = self.pooled._contents()
        tensors = {
            f"{_TASKS}{index}.{name}": one
            for index, known in enumerate(self.target_tasks)
            for name, one in known.tensors().items()
        }
        stored = {
            "column": self.column,
            "names": list(self.tasks),
            "targets": [known.to_json() for known in self.target_tasks],
        }
        return Contents(
            config={**pooled.config, "tasks": stored},
            tensors={**pooled.tensors, **tensors},
            data=pooled.data,
            results=self.results,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        stored = record_from_json(_Stored, part(bundle, "tasks"), name="the tasks")
        own = {name: one for name, one in bundle.tensors.items() if not name.startswith(_TASKS)}
        pooled = TableModel.from_bundle(replace(bundle, tensors=own))
        if len(stored.targets) != len(pooled.targets):
            raise InputError("the tasks are of other targets than the model")
        known = []
        for index, (target, data) in enumerate(zip(pooled.targets, stored.targets, strict=True)):
            start = f"{_TASKS}{index}."
            tensors = {
                name.removeprefix(start): one.clone()  # the file stays free
                for name, one in bundle.tensors.items()
                if name.startswith(start)
            }
            known.append(TargetTasks.read(target.task, data, tensors))
        if len(set(stored.names)) < len(stored.names):
            raise InputError("two tasks have the same name")
        return cls(pooled, stored.column, TaskNames(stored.names), known)

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Predict a few standardized rows, of the first task and of an unknown one."""
        tasks, outputs = self.pooled._tried()
        answers: dict[str, Tensor] = {}
        for known in self.target_tasks:
            name = known.target.name
            n_rows = len(outputs[name])
            inputs = torch.zeros(n_rows, self.pooled.encoder.n_features)
            code = torch.arange(n_rows) % 2 - (1 if len(self.tasks) else 2)
            answers[name] = known.predictions(inputs, outputs[name].cpu(), code.clamp(min=-1))[0]
        return tasks, answers


def _ends(target: TargetColumn, centre: Tensor, reach: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return centre less and plus reach, in units of the column."""
    return target.units(centre - reach).numpy(), target.units(centre + reach).numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    column: str
    names: tuple[str, ...]
    targets: tuple[dict, ...]
