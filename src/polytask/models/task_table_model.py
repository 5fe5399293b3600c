"""A trained model of a table whose rows belong to many tasks: shops, patients, schools."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import InputError, Task
from polytask.core.names import counted
from polytask.core.records import record_from_json
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.data import read_table
from polytask.data.tables.large_table import LargeTable, open_table, table_pieces
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.encoded_rows import encoded_rows
from polytask.models.kept_columns import beside, kept_columns
from polytask.models.labelled_rows import LabelledRows
from polytask.models.prediction_file import WrittenPredictions, numbered, write_pieces
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.table_model import TableModel
from polytask.models.target_tasks import TargetTasks
from polytask.models.task_labels import labels_to_learn
from polytask.models.task_names import TaskNames
from polytask.models.task_predictions import AskedOfNumbers, check_asked, task_predictions
from polytask.models.task_rows import TaskRows, named_tasks
from polytask.models.task_spread import SpreadNotes
from polytask.models.task_table_results import TaskTableResults
from polytask.models.tensor_parts import named_part, other_parts, taken_part

__all__ = ["TaskTableModel"]

_TASKS = "tasks."  # in the names of tensors


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

    def predict(
        self,
        table: Any,
        *,
        intervals: float | None = None,
        deviation: bool = False,
        log_density: bool = False,
        keep: Any = (),
    ) -> pd.DataFrame:
        """Predict every target of every row, by what is known of its task.

        A task that is not known, or left empty, is answered by what all tasks have in common.

        Args:
            table: Rows with the feature columns and the task column, in whatever `read_table` reads.
            intervals: The share of labels of new tasks that shall lie in an interval, as 0.9; of numbers
                alone. It is that of held-out tasks with as many known rows, each counting as much.
            deviation: Whether to tell the standard deviation of numbers.
            log_density: Whether to tell the log density of numbers, in nats, at the labels that the table
                has: that of a normal distribution with this mean and deviation.
            keep: Columns of the table that are put in front of the answers, by name; one, or several.

        Returns:
            One row per input row, as `TableModel.predict`; with ``deviation`` also ``TARGET:sd``, with
            ``intervals`` ``TARGET:low`` and ``TARGET:high``, with ``log_density`` ``TARGET:log_density``, in
            units of the column.

        Raises:
            DataError: The table cannot be read, or lacks the task column.
            InputError: Intervals are asked for at an impossible level, or of classes alone; or the table
                lacks a column that is to be kept.

        Warns:
            DataWarning: Tasks are not known, rows have something that was not there in training, or intervals
                go beyond what held-out tasks tell.
        """
        asked = AskedOfNumbers(intervals=intervals, deviation=deviation, log_density=log_density)
        check_asked(asked, self.target_tasks)
        rows, notes = self.rows(), SpreadNotes(asked.intervals)
        pieces = list(self._predicted(open_table(table), rows, asked, notes, keep))
        warn_all([*rows.messages(), *notes.messages()], stacklevel=2)
        return pieces[0] if len(pieces) == 1 else pd.concat(pieces)

    def predict_to(
        self,
        table: Any,
        output: str | Path,
        *,
        intervals: float | None = None,
        deviation: bool = False,
        log_density: bool = False,
        keep: Any = (),
        row_numbers: bool = False,
    ) -> WrittenPredictions:
        """Predict every target of every row, and write the answers into a file, piece by piece.

        Args:
            table: As for `predict`.
            output: A file that ends in ``.csv`` or ``.parquet``; it is whole or not there.
            intervals: As for `predict`.
            deviation: As for `predict`.
            log_density: As for `predict`.
            keep: As for `predict`.
            row_numbers: Whether a column ``row`` tells the number of each row in the table, from 1.

        Returns:
            How many rows were written, and which columns.

        Raises:
            DataError: As for `predict`.
            InputError: As for `predict`; or the file cannot be written.

        Warns:
            DataWarning: As for `predict`.
        """
        asked = AskedOfNumbers(intervals=intervals, deviation=deviation, log_density=log_density)
        check_asked(asked, self.target_tasks)
        rows, notes = self.rows(), SpreadNotes(asked.intervals)
        pieces = self._predicted(open_table(table), rows, asked, notes, keep)
        written = write_pieces(numbered(pieces) if row_numbers else pieces, output)
        warn_all([*rows.messages(), *notes.messages()], stacklevel=2)
        return written

    def _predicted(
        self,
        table: pd.DataFrame | LargeTable,
        rows: TaskRows,
        asked: AskedOfNumbers,
        notes: SpreadNotes,
        keep: Any,
    ) -> Iterator[pd.DataFrame]:
        """Give the answers piece by piece."""
        kept = kept_columns(keep, table)
        labels = [one.task.name for one in self.targets] if asked.log_density else []
        for frame in table_pieces(table, [*self.pooled.encoder.columns, self.column, *kept, *labels]):
            inputs, code = rows.encoded(frame)
            outputs = self.pooled.network_outputs(inputs)
            answers = task_predictions(
                self.targets, self.target_tasks, inputs, outputs, code, frame, asked, notes
            )
            yield beside(frame, kept, answers)

    def adapt(self, rows: Any, *, again: bool = False) -> "TaskTableModel":
        """Learn new tasks, or more of known ones, from labelled rows; the model itself does not change.

        What is known of other tasks stays as it is, and so do their answers, bit for bit. The networks and
        the prior stay, too: that takes milliseconds. A row that the model has learned from, told by its task,
        its features and its label, does not count twice: a file may be given again when it has grown.

        Args:
            rows: A table with the task column, the features, and labels of one target at least. Rows without
                any label teach nothing.
            again: Whether rows that the model has learned from count once more, as where they are others that
                look the same.

        Returns:
            A model that knows these tasks, too.

        Raises:
            DataError: The table lacks the task column or all targets; a row has no task; a label cannot be
                read; or there is no label at all.

        Warns:
            DataWarning: Rows are known already, or have something that was not there in training.
        """
        check = SettingsCheck()
        again = check.flag("again", again)
        check.done()
        frame = read_table(rows)
        names, code = named_tasks(frame, self.column, self.names)
        labels = labels_to_learn(self.targets, frame)
        inputs = encoded_rows(self.pooled.encoder, frame, stacklevel=2)
        rows_of_tasks = LabelledRows(
            inputs=inputs, outputs=self.pooled.network_outputs(inputs), labels=labels, task=code
        )
        learned, messages = rows_of_tasks.taught(self.target_tasks, n_tasks=len(names.names), again=again)
        warn_all(messages, stacklevel=2)
        return TaskTableModel(self.pooled, self.column, names, learned)

    def evaluate(self, table: Any) -> pd.DataFrame:
        """Measure the predictions for new rows with labels; see `polytask.estimators.evaluate_table`."""
        return polytask.estimators.evaluate_table(self, table, stacklevel=3)

    def importance(
        self, table: Any, *, n_repeats: int = 5, sample_rows: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Tell how much each target needs each column and the task; see `polytask.estimators.importance`."""
        return polytask.estimators.importance(
            self, table, n_repeats=n_repeats, sample_rows=sample_rows, seed=seed, stacklevel=3
        )

    def export(self, path: str | Path) -> Path:
        """Write networks and tasks for other programs, as ONNX; see `polytask.estimators.export_table`."""
        return polytask.estimators.export_table(self, path)

    def encoded(self, frame: pd.DataFrame, *, stacklevel: int = 2) -> tuple[Tensor, Tensor]:
        """Encode rows, and find their tasks.

        Args:
            frame: A table, as `read_table` returns it.
            stacklevel: Whose line warnings point at; 2 for the caller's.

        Returns:
            The rows ``[row, feature]``, and the number of the task of each, long ``[row]``; -1 where it is
            not known.

        Raises:
            DataError: It lacks the task column.

        Warns:
            DataWarning: Tasks are not known, or rows have something that was not there in training.
        """
        rows = self.rows()
        encoded = rows.encoded(frame)
        warn_all(rows.messages(), stacklevel=stacklevel)
        return encoded

    def rows(self) -> TaskRows:
        """Return what encodes rows and finds their tasks, piece by piece."""
        return TaskRows(self.pooled.encoder, self.names, self.column)

    def outputs(self, inputs: Tensor, task: Tensor) -> dict[str, Tensor]:
        """Return what is predicted for encoded rows, before it becomes units and classes.

        Args:
            inputs: Encoded rows ``[row, feature]``.
            task: The number of each row's task, long ``[row]``; -1 where it is not known.

        Returns:
            By target, float64 ``[row, n_outputs]``: a standardized number, or logits.
        """
        outputs = self.pooled.network_outputs(inputs)
        return {
            known.target.name: known.predictions(inputs, outputs[known.target.name], task, deviation=False)[0]
            for known in self.target_tasks
        }

    def __repr__(self) -> str:
        """Name the targets with their kinds, the task column, and how many tasks are known."""
        targets = ", ".join(f"{target.task.name!r}: {target.kind}" for target in self.targets)
        return f"TaskTableModel({{{targets}}}; {counted(len(self.tasks), 'task')} by {self.column!r})"

    def _contents(self) -> Contents:
        pooled = self.pooled._contents()
        tensors: dict[str, Tensor] = {}
        for index, known in enumerate(self.target_tasks):
            tensors |= named_part(f"{_TASKS}{index}.", known.tensors())
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
            details=self.details,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        stored = record_from_json(_Stored, part(bundle, "tasks"), name="the tasks")
        pooled = TableModel.from_bundle(replace(bundle, tensors=other_parts(_TASKS, bundle.tensors)))
        if len(stored.targets) != len(pooled.targets):
            raise InputError("the tasks are of other targets than the model")
        known = [
            TargetTasks.read(target.task, data, taken_part(f"{_TASKS}{index}.", bundle.tensors, copied=True))
            for index, (target, data) in enumerate(zip(pooled.targets, stored.targets, strict=True))
        ]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    column: str
    names: tuple[str, ...]
    targets: tuple[dict, ...]
