"""A network that predicts numbers or classes by reading the rows that are known of a task."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import DataWarning, EpisodicLearner, InputError, Task
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.data.tables.problems import some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.bundle_tensors import build_filled
from polytask.models.in_context_config import InContextConfig, build_in_context
from polytask.models.in_context_predictions import (
    RowsPrediction,
    predictions_of,
    predictions_together,
)
from polytask.models.in_context_reading import InContextReader, most_rows_text
from polytask.models.in_context_results import InContextResults
from polytask.models.in_context_table import InContextTable
from polytask.models.kept_columns import beside, kept_columns
from polytask.models.known_rows import KnownRows
from polytask.models.label_checks import check_classes, check_near, partly_text
from polytask.models.prediction_file import WrittenPredictions, numbered, write_pieces
from polytask.models.row_marks import new_rows
from polytask.models.saved_model import Contents, SavedModel
from polytask.models.stored_in_context import InContextParts, check_parts, read_parts
from polytask.models.task_labels import repeated_text
from polytask.models.task_names import TaskNames
from polytask.models.task_predictions import AskedOfNumbers
from polytask.models.task_spread import TaskSpread

__all__ = ["InContextModel"]


class InContextModel(SavedModel):
    """Predicts numbers or classes of rows of tasks; made by `polytask.learn` with a task column or a prior.

    Nothing is trained when a task is learned: the network reads the task's rows each time that it answers
    others. So the model keeps them, encoded; 256 at most of a task.

    Args:
        learner: The trained network.
        config: How it was built.
        reader: How rows become inputs and labels.
        names: The tasks that are known; one without a name where there is no task column.
        known: Their rows.
        spreads: How far off answers were on held-out tasks, by number of known rows, for each target; empty
            where none were held out, as with a prior, and for classes.
        data: Where it came from.
        results: Figures on held-out tasks; None for a loaded or an adapted model.
    """

    kind = "in-context"

    def __init__(
        self,
        learner: EpisodicLearner,
        *,
        config: InContextConfig,
        reader: InContextReader,
        names: TaskNames,
        known: KnownRows,
        spreads: Sequence[TaskSpread | None],
        data: dict[str, object],
        results: InContextResults | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.config = config
        self.reader = reader
        self.names = names
        self.known = known
        self.spreads = tuple(spreads)
        self.data = data
        self.results = results
        check_parts(config, reader, names, known, self.spreads)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that are known."""
        return () if self.reader.column is None else self.names.names

    @property
    def targets(self) -> tuple[TargetColumn, ...]:
        """What is predicted: numbers, or one column of classes."""
        return self.reader.targets

    def __repr__(self) -> str:
        """Name the learner, the target, and what is known."""
        known = counted(len(self.known), "known row")
        if self.reader.column is not None:
            known = f"{counted(len(self.tasks), 'task')} by {self.reader.column!r}, {known}"
        targets = ", ".join(map(repr, self.reader.names))
        return f"InContextModel({self.config.learner}: {targets}; {known})"

    def predict(
        self,
        table: Any,
        *,
        intervals: float | None = None,
        deviation: bool = False,
        log_density: bool = False,
        keep: Any = (),
    ) -> pd.DataFrame:
        """Predict the targets of every row, by the rows that are known of its task.

        A task that is not known, or left empty, is answered by what all tasks have in common; where each task
        has classes of its own, its answers are left empty.

        Args:
            table: Rows with the columns of the features and that of the task, in whatever `read_table` reads;
                for a model of a prior also an array ``[row, input]``.
            intervals: The share of labels that shall lie in an interval, as 0.9. With a task column it is
                that of held-out tasks with as many known rows, each counting as much; with a prior, what the
                network says. Of numbers alone, as the next two.
            deviation: Whether to tell the standard deviation.
            log_density: Whether to tell the log density, in nats, at the labels that the table has.
            keep: Columns of the table that are put in front of the answers, by name; one, or several.

        Returns:
            One row per input row. Of each target of numbers ``TARGET``, the mean of the predictive
            distribution (on a log scale the exponential of the mean logarithm), and as asked ``TARGET:sd``,
            ``TARGET:low``, ``TARGET:high`` and ``TARGET:log_density``, in units of the column. Of classes
            ``TARGET``, the most probable class, and ``TARGET:p(CLASS)`` for each; where each task has classes
            of its own, for each that a task of these rows has, 0 in rows of other tasks.

        Raises:
            DataError: The table cannot be read, or lacks the column of the tasks or of the labels.
            InputError: Intervals are asked for at an impossible level, or of classes; the table lacks a
                column that is to be kept; or no class is known of any row.

        Warns:
            DataWarning: Tasks are not known, or rows have something that was not there in training.
        """
        asked = AskedOfNumbers(intervals=intervals, deviation=deviation, log_density=log_density)
        if self.reader.of_classes and asked.names:
            raise InputError(
                f"`{asked.names[0]}` is for numbers, and this model predicts classes alone, with the "
                "probability of each. Leave it out."
            )
        frame = self.reader.frame(table)
        kept = kept_columns(keep, frame)
        labels = self.reader.numbers(frame) if log_density else None
        inputs = self.reader.inputs(frame, stacklevel=2)
        code = self.reader.codes(frame, self.names)
        self._warn_unknown(code, stacklevel=2)
        told = InContextTable(self.reader, self.spreads, asked, n_rows=len(frame), labels=labels)
        for answers in self.row_predictions(inputs, code):
            told.add(answers)
        warn_all(told.messages(), stacklevel=2)
        return beside(frame, kept, told.frame(frame.index))

    def predict_to(
        self, table: Any, output: str | Path, *, row_numbers: bool = False, **asked: Any
    ) -> WrittenPredictions:
        """Predict every row, and write the answers into a file that is whole or not there.

        Args:
            table: As for `predict`.
            output: A file that ends in ``.csv`` or ``.parquet``.
            row_numbers: Whether a column ``row`` tells the number of each row in the table, from 1.
            **asked: As for `predict`.

        Returns:
            How many rows were written, and which columns.
        """
        pieces = [self.predict(table, **asked)]
        return write_pieces(numbered(pieces) if row_numbers else iter(pieces), output)

    def adapt(self, rows: Any, labels: Any = None, *, again: bool = False) -> "InContextModel":
        """Learn new tasks, or more of known ones, from labelled rows; the model itself does not change.

        Args:
            rows: A table with the features, the labels and, if the model has one, the task column; for a
                model of a prior also an array ``[row, input]``.
            labels: The labels of an array, ``[row]``; None where the table has them.
            again: Whether rows that the model knows count once more, as where they are others that look the
                same.

        Returns:
            A model that knows these rows, too.

        Raises:
            DataError: The table lacks the task column or the labels; a row has no task; a label cannot be
                read, is of no known class, or lies 1,000 standard deviations of the training's labels away
                from these; a task has more classes than the network was built for; or there is no label.

        Warns:
            DataWarning: Rows are known already, or lack a label of one of several targets; a task has more
                than 256 of them, which are drawn; or labels lie more than 20 standard deviations away from
                those of the training.
        """
        check = SettingsCheck()
        again = check.flag("again", again)
        check.done()
        frame = self.reader.frame(rows, labels)
        reader = self.reader.with_classes(frame)
        names = reader.with_new(frame, self.names)
        code = reader.codes(frame, names)
        values, labelled = reader.labels(frame)
        if not reader.of_classes:
            check_near(values[labelled], reader.names)
        if partly := reader.partly_labelled(frame, labelled):
            warnings.warn(partly_text(partly), DataWarning, stacklevel=2)
        more = KnownRows(
            inputs=self.reader.inputs(frame, stacklevel=2)[labelled],
            labels=values[labelled],
            task=code[labelled],
        )
        fresh = (
            torch.ones(len(more), dtype=torch.bool) if again else new_rows(more.marks(), self.known.marks())
        )
        if n_repeated := int((~fresh).sum()):
            warnings.warn(repeated_text(n_repeated, len(more)), DataWarning, stacklevel=2)
        known = self.known.more(more.only(fresh))
        self._check_classes(known, names, reader)
        known, shortened = known.limited(of_classes=reader.of_classes)
        if shortened:
            warnings.warn(most_rows_text(shortened), DataWarning, stacklevel=2)
        return self.knowing(names, known, reader)

    def knowing(
        self, names: TaskNames, known: KnownRows, reader: InContextReader | None = None
    ) -> "InContextModel":
        """Return a model of the same network that reads other rows, of tasks of these names.

        Raises:
            DataError: A task has more classes than the network was built for.
        """
        reader = self.reader if reader is None else reader
        self._check_classes(known, names, reader)
        return InContextModel(
            self.learner,
            config=self.config,
            reader=reader,
            names=names,
            known=known,
            spreads=self.spreads,
            data=self.data,
        )

    def _check_classes(self, known: KnownRows, names: TaskNames, reader: InContextReader) -> None:
        if reader.own_classes:
            check_classes(known, names, self.config.n_classes, of_tasks=reader.column is not None)

    def evaluate(self, table: Any, *, seed: int = 0) -> pd.DataFrame:
        """Measure the answers for new tasks; see `polytask.estimators.evaluate_new_tasks`."""
        return polytask.estimators.evaluate_new_tasks(self, table, seed=seed, stacklevel=3)

    def row_predictions(
        self, inputs: Tensor, code: Tensor, *, together: bool = False
    ) -> Iterator[RowsPrediction]:
        """Answer encoded rows, part by part.

        Args:
            inputs: ``[row, feature]``.
            code: The number of each row's task, long ``[row]``; -1 where it is not known.
            together: Whether tasks may be answered at once, so that the last digits depend on which.
        """
        answer = predictions_together if together else predictions_of
        return answer(self.learner, self.config, self.known, inputs, code)

    def _warn_unknown(self, code: Tensor, *, stacklevel: int) -> None:
        if self.reader.column is not None and (n_unknown := int((code < 0).sum())):
            told = (
                "their answers are left empty, as each task has classes of its own"
                if self.reader.own_classes
                else "they are answered by what all tasks have in common"
            )
            warnings.warn(
                f"The task of {some_rows(n_unknown)} is not known: {told}.",
                DataWarning,
                stacklevel=stacklevel + 1,
            )

    def _contents(self) -> Contents:
        parts = InContextParts(
            weights=self.learner.state_dict(),
            config=self.config,
            reader=self.reader,
            names=self.names,
            known=self.known,
            spreads=self.spreads,
        )
        return Contents(
            config=parts.description(), tensors=parts.tensors(), data=self.data, results=self.results
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        stored = read_parts(bundle)
        return cls(
            build_filled(lambda: build_in_context(stored.config), stored.weights),
            config=stored.config,
            reader=stored.reader,
            names=stored.names,
            known=stored.known,
            spreads=stored.spreads,
            data=bundle.data,
        )

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Predict an average row, of the first task and of an unknown one."""
        inputs = torch.zeros(2, self.config.n_inputs)
        code = torch.tensor([-1, 0 if len(self.known) else -1])
        found = {name: torch.zeros(2, 1, dtype=torch.float64) for name in self.reader.names}
        for answers in self.row_predictions(inputs, code):
            for name, one in zip(
                self.reader.names, answers.numbers, strict=False
            ):  # of classes there are none
                found[name][answers.rows, 0] = one.mean() + 0 * one.deviation()
            if answers.log_p is not None:
                found[self.reader.names[0]][answers.rows, 0] = answers.log_p.exp().sum(1)
        return [Task(name=name, kind="regression") for name in found], found
