"""A network that predicts a number by reading the rows that are known of a task."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import Batch, DataError, DataWarning, EpisodicLearner, InputError, Task
from polytask.core.names import counted
from polytask.core.records import record_from_json
from polytask.core.settings import SettingsCheck
from polytask.data import TableEncoder
from polytask.data.tables.problems import some_rows
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.bundle_tensors import build_filled
from polytask.models.in_context_config import InContextConfig, answered, build_in_context
from polytask.models.in_context_reading import InContextReader, most_rows_text
from polytask.models.in_context_results import InContextResults
from polytask.models.kept_columns import beside, kept_columns
from polytask.models.known_rows import KnownRows
from polytask.models.prediction_file import WrittenPredictions, numbered, write_pieces
from polytask.models.predictive import Predictive, told_of
from polytask.models.row_marks import new_rows, row_marks
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.task_labels import repeated_text
from polytask.models.task_names import TaskNames
from polytask.models.task_predictions import AskedOfNumbers
from polytask.models.task_spread import SpreadNotes, TaskSpread

__all__ = ["InContextModel"]

_KNOWN, _SPREAD = "known/", "spread/"
_AT_ONCE = 4096  # rows to answer
_FAR, _BEYOND = 20.0, 1000.0  # labels, in standard deviations of those of training


class InContextModel(SavedModel):
    """Predicts a number of rows that belong to tasks; made by `polytask.learn` with a task column or a prior.

    Nothing is trained when a task is learned: the network reads the task's rows each time that it answers
    others. So the model keeps them, encoded; 256 at most of a task.

    Args:
        learner: The trained network.
        config: How it was built.
        reader: How rows become inputs and labels.
        names: The tasks that are known; one without a name where there is no task column.
        known: Their rows.
        spread: How far off answers were on held-out tasks, by number of known rows; None where none were held
            out, as with a prior.
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
        spread: TaskSpread | None,
        data: dict[str, object],
        results: InContextResults | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.config = config
        self.reader = reader
        self.names = names
        self.known = known
        self.spread = spread
        self.data = data
        self.results = results
        if config.n_inputs != reader.encoder.n_features or known.inputs.shape[1] != config.n_inputs:
            raise InputError("the network takes another number of features than the rows have")
        if len(known) and not 0 <= int(known.task.min()) <= int(known.task.max()) < len(names.names):
            raise InputError("rows belong to tasks that have no name")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that are known."""
        return () if self.reader.column is None else self.names.names

    @property
    def target(self) -> TargetColumn:
        """The number that is predicted."""
        return self.reader.target

    def __repr__(self) -> str:
        """Name the learner, the target, and what is known."""
        known = counted(len(self.known), "known row")
        if self.reader.column is not None:
            known = f"{counted(len(self.tasks), 'task')} by {self.reader.column!r}, {known}"
        return f"InContextModel({self.config.learner}: {self.target.task.name!r}; {known})"

    def predict(
        self,
        table: Any,
        *,
        intervals: float | None = None,
        deviation: bool = False,
        log_density: bool = False,
        keep: Any = (),
    ) -> pd.DataFrame:
        """Predict the number of every row, by the rows that are known of its task.

        A task that is not known, or left empty, is answered by what all tasks have in common.

        Args:
            table: Rows with the columns of the features and that of the task, in whatever `read_table` reads;
                for a model of a prior also an array ``[row, input]``.
            intervals: The share of labels that shall lie in an interval, as 0.9. With a task column it is
                that of held-out tasks with as many known rows, each counting as much; with a prior, what the
                network says.
            deviation: Whether to tell the standard deviation.
            log_density: Whether to tell the log density, in nats, at the labels that the table has.
            keep: Columns of the table that are put in front of the answers, by name; one, or several.

        Returns:
            One row per input row: ``TARGET``, the mean of the predictive distribution (on a log scale the
            exponential of the mean logarithm), and as asked ``TARGET:sd``, ``TARGET:low``, ``TARGET:high``
            and ``TARGET:log_density``, in units of the column.

        Raises:
            DataError: The table cannot be read, or lacks the column of the tasks or of the labels.
            InputError: Intervals are asked for at an impossible level; or the table lacks a column that is
                to be kept.

        Warns:
            DataWarning: Tasks are not known, or rows have something that was not there in training.
        """
        asked = AskedOfNumbers(intervals=intervals, deviation=deviation, log_density=log_density)
        frame = self.reader.frame(table)
        kept = kept_columns(keep, frame)
        labels = self.reader.numbers(frame) if log_density else None
        inputs = self.reader.inputs(frame, stacklevel=3)
        code = self.reader.codes(frame, self.names)
        self._warn_unknown(code, stacklevel=3)
        name = self.target.task.name
        found: dict[str, np.ndarray] = {}
        notes = SpreadNotes(intervals)
        for rows, answer, n_known in self._answers(inputs, code):
            if self.spread is not None:
                notes.add(name, self.spread, torch.full((len(rows),), n_known))
            answers = told_of(answer, self.target, asked, spread=self.spread, n_known=n_known)
            if labels is not None:
                answers["log_density"] = self.reader.log_density(answer, labels[rows.numpy()])
            for suffix, values in answers.items():
                column = f"{name}:{suffix}" if suffix else name
                found.setdefault(column, np.full(len(frame), np.nan))[rows.numpy()] = values
        for message in notes.messages():
            warnings.warn(message, DataWarning, stacklevel=2)
        return beside(frame, kept, pd.DataFrame(found, index=frame.index))

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
                read, or lies 1,000 standard deviations of the training's labels away from these; or there is
                none at all.

        Warns:
            DataWarning: Rows are known already; a task has more than 256 of them, which are drawn; or labels
                lie more than 20 standard deviations away from those of the training.
        """
        check = SettingsCheck()
        again = check.flag("again", again)
        check.done()
        frame = self.reader.frame(rows, labels)
        names = self.reader.with_new(frame, self.names)
        code = self.reader.codes(frame, names)
        values, labelled = self.reader.labels(frame)
        _check_near(values[labelled], self.target.task.name)
        more = KnownRows(
            inputs=self.reader.inputs(frame, stacklevel=3)[labelled],
            labels=values[labelled],
            task=code[labelled],
        )
        fresh = (
            torch.ones(len(more), dtype=torch.bool) if again else new_rows(_marks(more), _marks(self.known))
        )
        if n_repeated := int((~fresh).sum()):
            warnings.warn(repeated_text(n_repeated, len(more)), DataWarning, stacklevel=2)
        known, shortened = self.known.more(more.only(fresh)).limited()
        if shortened:
            warnings.warn(most_rows_text(shortened), DataWarning, stacklevel=2)
        return self.knowing(names, known)

    def knowing(self, names: TaskNames, known: KnownRows) -> "InContextModel":
        """Return a model of the same network that reads other rows, of tasks of these names."""
        return InContextModel(
            self.learner,
            config=self.config,
            reader=self.reader,
            names=names,
            known=known,
            spread=self.spread,
            data=self.data,
        )

    def evaluate(self, table: Any, *, seed: int = 0) -> pd.DataFrame:
        """Measure the answers for new tasks; see `polytask.estimators.evaluate_new_tasks`."""
        return polytask.estimators.evaluate_new_tasks(self, table, seed=seed, stacklevel=3)

    def evaluated(self, inputs: Tensor, code: Tensor) -> Iterator[tuple[Tensor, Predictive]]:
        """Answer encoded rows, part by part: the numbers of the rows, and the distributions of their labels.

        Args:
            inputs: ``[row, feature]``.
            code: The number of each row's task, long ``[row]``; -1 where it is not known.
        """
        for rows, found, _ in self._answers(inputs, code):
            yield rows, found

    def _answers(self, inputs: Tensor, code: Tensor) -> Iterator[tuple[Tensor, Predictive, int]]:
        """Answer rows task by task: their numbers, the distributions, and how many rows were known."""
        known_rows = self.known.by_task()
        asked = KnownRows(inputs=inputs, labels=torch.zeros(len(code)), task=code + 1).by_task()
        for number, rows in asked.items():
            known = known_rows.get(number - 1)
            n_known = 0 if known is None else len(known)
            with torch.inference_mode():
                state = self._state(known)
                for some in rows.split(_AT_ONCE):
                    yield some, answered(self.learner, _TASK, state, inputs[some]), n_known

    def _state(self, rows: Tensor | None) -> dict[str, Tensor]:
        """Read the known rows of one task; of none a row that does not count."""
        if rows is None:
            inputs, labels = torch.zeros(1, self.config.n_inputs), torch.zeros(1)
        else:
            inputs, labels = self.known.inputs[rows], self.known.labels[rows]
        there = torch.full((len(labels),), rows is not None)
        support = Batch(inputs=inputs, targets={"y": labels}, masks={"y": there})
        return self.learner.learn([_TASK], support)["y"]

    def _warn_unknown(self, code: Tensor, *, stacklevel: int) -> None:
        if self.reader.column is not None and (n_unknown := int((code < 0).sum())):
            warnings.warn(
                f"The task of {some_rows(n_unknown)} is not known: they are answered by what all tasks have "
                "in common.",
                DataWarning,
                stacklevel=stacklevel + 1,
            )

    def _contents(self) -> Contents:
        known = {"inputs": self.known.inputs, "labels": self.known.labels, "task": self.known.task}
        spread = {} if self.spread is None else self.spread.tensors()
        return Contents(
            config={
                "model": self.config.to_json(),
                "encoder": self.reader.encoder.to_json(),
                "targets": [self.target.to_json()],
                "tasks": {"column": self.reader.column, "names": list(self.names.names)},
            },
            tensors={
                **self.learner.state_dict(),
                **{_KNOWN + name: tensor for name, tensor in known.items()},
                **{_SPREAD + name: tensor for name, tensor in spread.items()},
            },
            data=self.data,
            results=self.results,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        stored = record_from_json(_Stored, part(bundle, "tasks"), name="the tasks")
        if len(set(stored.names)) < len(stored.names):
            raise InputError("two tasks have the same name")
        targets = part(bundle, "targets")
        if not isinstance(targets, list) or len(targets) != 1:
            raise InputError("there must be one target")
        reader = InContextReader(
            encoder=TableEncoder.from_json(part(bundle, "encoder")),
            target=TargetColumn.from_json(targets[0]),
            column=stored.column,
        )
        config = InContextConfig.from_json(part(bundle, "model"))
        own = {
            start: {
                name.removeprefix(start): tensor.clone()  # the file stays free
                for name, tensor in bundle.tensors.items()
                if name.startswith(start)
            }
            for start in (_KNOWN, _SPREAD)
        }
        weights = {
            name: tensor for name, tensor in bundle.tensors.items() if not name.startswith((_KNOWN, _SPREAD))
        }
        borders = weights.get("bars.borders")
        if borders is not None and not bool((borders.diff() > 0).all()):
            raise InputError("the borders of the bars do not rise")
        return cls(
            build_filled(lambda: build_in_context(config), weights),
            config=config,
            reader=reader,
            names=TaskNames(stored.names),
            known=KnownRows(**own[_KNOWN]),
            spread=TaskSpread(**own[_SPREAD]) if own[_SPREAD] else None,
            data=bundle.data,
        )

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Predict an average row, of the first task and of an unknown one."""
        inputs = torch.zeros(2, self.config.n_inputs)
        code = torch.tensor([-1, 0 if len(self.known) else -1])
        answers = torch.zeros(2, 1, dtype=torch.float64)
        for rows, found in self.evaluated(inputs, code):
            answers[rows, 0] = found.mean() + 0 * found.deviation()
        return [self.target.task], {self.target.task.name: answers}


_TASK = Task(name="y", kind="regression")
"""What the network is asked, whatever the column is called."""


def _marks(rows: KnownRows) -> Tensor:
    return row_marks(rows.inputs, rows.labels, rows.task)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    column: str | None
    names: tuple[str, ...]


def _check_near(labels: Tensor, name: str) -> None:
    """Tell of labels unlike those of the training, by their standardized values ``[row]``.

    Raises:
        DataError: They are so far away that the network would answer nonsense.
    """
    far = float(labels.abs().max()) if len(labels) else 0.0
    if far > _BEYOND:
        raise DataError(
            f"Labels of {name!r} lie up to {far:,.0f} standard deviations away from those that the network "
            "was trained on: it would answer nonsense. Correct them, or learn anew with tasks like this one."
        )
    if far > _FAR:
        warnings.warn(
            f"labels of {name!r} lie up to {far:,.0f} standard deviations away from those of the training; "
            "answers for such tasks rest on nothing like them",
            DataWarning,
            stacklevel=3,
        )
