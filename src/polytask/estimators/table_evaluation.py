"""How good the predictions of a table model are on new rows with labels."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Task
from polytask.core.doors import by_door
from polytask.core.names import counted
from polytask.core.warned import warn_all
from polytask.data.tables.features import EncodingReport
from polytask.data.tables.large_table import LargeTable, open_table, table_pieces
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.data.tables.table import fingerprint
from polytask.evaluate import metric_names
from polytask.evaluate.running_metrics import RunningMetrics
from polytask.evaluate.target_metrics import measure_target
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel

__all__ = ["LabelledRows", "check_labels", "columns_of_use", "evaluate_table", "frame_labels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledRows:
    """The rows of a table that have labels of a model's targets.

    Args:
        frame: The table.
        labels: Its labels, as the model was trained on; the inputs are empty.
        tasks: The targets with a label at least.
    """

    frame: pd.DataFrame
    labels: Batch
    tasks: tuple[Task, ...]


def evaluate_table(model: TableModel | TaskTableModel, table: Any, *, stacklevel: int = 2) -> pd.DataFrame:
    """Measure a model's predictions for new rows with labels.

    Args:
        model: The model; one with tasks is measured on each row by what is known of its task.
        table: Rows with the feature columns and one target's column at least, in whatever `read_table`
            reads; with the task column for a model with tasks. Missing labels are left out.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each target: its kind, how many rows have a label, and its metrics; NaN where one is not
        defined, for example the AUROC of labels that are all equal. Errors are in the target's own units.

    Raises:
        DataError: The table has no label of any target, or one that the model does not know.

    Warns:
        DataWarning: The model has learned from this table; or one with tasks from some of its rows, or it
            does not know their task.

    Example:
        >>> from polytask import fit
        >>> table = pd.DataFrame({"a": range(40), "b": range(100, 140)})
        >>> model = fit(table, "b", epochs=20, folds=2, baselines=False)
        >>> evaluate_table(model, table.sample(20, random_state=0)).columns.tolist()
        ['kind', 'rows', 'rmse', 'mae', 'r2']
    """
    opened = open_table(table)
    if isinstance(opened, LargeTable):
        return _evaluated_in_pieces(model, opened, stacklevel=stacklevel + 1)
    rows, asked = frame_labels(model, opened), _asked(model)
    outputs = asked.outputs(rows.frame, rows.labels)
    warn_all([*_known_table(model, opened), *asked.messages()], stacklevel=stacklevel)
    return _measured(model, outputs, rows.labels)


class _Asked(ABC):
    """A model that is asked about the rows of a table, piece by piece."""

    @abstractmethod
    def outputs(self, frame: pd.DataFrame, labels: Batch) -> Mapping[str, Tensor]:
        """Predict rows, by target ``[row, n_outputs]``; by labels it tells which it has learned from."""

    @abstractmethod
    def messages(self) -> list[str]:
        """Say in words what was noteworthy of all rows so far."""


class _AskedTable(_Asked):
    def __init__(self, model: TableModel) -> None:
        self.model = model
        self.report: EncodingReport | None = None

    def outputs(self, frame: pd.DataFrame, labels: Batch) -> Mapping[str, Tensor]:
        inputs, report = self.model.encoder.transform(frame)
        self.report = report if self.report is None else self.report.with_more(report)
        return self.model.network_outputs(inputs)

    def messages(self) -> list[str]:
        return [] if self.report is None else self.report.messages(fitting=False)


class _AskedTasks(_Asked):
    """Predicts rows by what is known of their tasks, and counts those that it is known from."""

    def __init__(self, model: TaskTableModel) -> None:
        self.model, self.rows, self.n_learned = model, model.rows(), 0

    def outputs(self, frame: pd.DataFrame, labels: Batch) -> Mapping[str, Tensor]:
        inputs, code = self.rows.encoded(frame)
        learned = torch.zeros(len(code), dtype=torch.bool)
        for known in self.model.target_tasks:
            name = known.target.name
            if name in labels.targets:
                there = (labels.masks[name] & (code >= 0)).nonzero().squeeze(1)
                learned[there] |= ~known.new(inputs[there], labels.targets[name][there], code[there])
        self.n_learned += int(learned.sum())
        return self.model.outputs(inputs, code)

    def messages(self) -> list[str]:
        found = self.rows.messages()
        if self.n_learned:
            found.append(
                f"The model has learned from {some_rows(self.n_learned)} of these with a label: it is better "
                "on them than on new ones. Measure it on others."
            )
        return found


def _asked(model: TableModel | TaskTableModel) -> _Asked:
    return _AskedTasks(model) if isinstance(model, TaskTableModel) else _AskedTable(model)


def _known_table(model: TableModel | TaskTableModel, frame: pd.DataFrame) -> list[str]:
    """Say that a table is the one that the model was fitted on; one with tasks tells it row by row."""
    if isinstance(model, TaskTableModel) or model.data.get("fingerprint") != fingerprint(frame):
        return []
    new = by_door(
        python="`model.results` has its figures on rows that it had not learned from",
        command="`polytask info` shows its figures on rows that it had not learned from",
    )
    return [f"The model has learned from this table: it is better on it than on new rows. {new}."]


def _measured(
    model: TableModel | TaskTableModel, outputs: Mapping[str, Tensor], labels: Batch
) -> pd.DataFrame:
    lines = []
    for target in model.targets:
        name, task = target.task.name, target.task
        n_labels = labels.n_labels(name) if name in labels.targets else 0
        line: dict[str, object] = {"target": name, "kind": target.kind, "rows": n_labels}
        line |= dict.fromkeys(metric_names(task), float("nan"))
        if n_labels:
            line |= measure_target(target, outputs[name].double(), labels)
        lines.append(line)
    return pd.DataFrame(lines).set_index("target")


def _evaluated_in_pieces(
    model: TableModel | TaskTableModel, table: LargeTable, *, stacklevel: int
) -> pd.DataFrame:
    """Measure a table that is read in pieces."""
    running = {target.task.name: RunningMetrics(target) for target in model.targets}
    check_labels(model, [name for name in running if name in table.names])
    asked, n_read = _asked(model), 0
    for frame in table_pieces(table, columns_of_use(model)):
        labels = _labels(model, frame, first=n_read)
        outputs = asked.outputs(frame, labels)
        for name, values in labels.targets.items():
            running[name].add(outputs[name], values, labels.masks[name])
        n_read += len(frame)
    check_labels(model, [name for name, one in running.items() if one.n_rows])
    warn_all(asked.messages(), stacklevel=stacklevel)
    lines = [
        {
            "target": target.task.name,
            "kind": target.kind,
            "rows": running[target.task.name].n_rows,
            **running[target.task.name].result(),
        }
        for target in model.targets
    ]
    return pd.DataFrame(lines).set_index("target")


def check_labels(model: TableModel | TaskTableModel, labelled: Sequence[object]) -> None:
    """Refuse a table without a label."""
    if not labelled:
        names = [target.task.name for target in model.targets]
        raise DataError(
            f"The table has no label of the model's {counted(len(names), 'target')}, "
            f"{examples(names, limit=10)}, to compare predictions with. Give rows with labels."
        )


def frame_labels(
    model: TableModel | TaskTableModel, frame: pd.DataFrame, *, only: Mapping[str, Tensor] | None = None
) -> LabelledRows:
    """Read the labels of a table, as `read_table` returns it.

    Args:
        model: The model.
        frame: The table.
        only: By target, which rows count, bool ``[row]``; None for all.

    Raises:
        DataError: It has no label of any target, or one that the model does not know.
    """
    labels = _labels(model, frame)
    masks = labels.masks
    if only is not None:
        masks = {name: mask & only[name] for name, mask in masks.items()}
    known = [
        target.task for target in model.targets if target.task.name in masks and masks[target.task.name].any()
    ]
    check_labels(model, known)
    return LabelledRows(frame=frame, labels=replace(labels, masks=masks), tasks=tuple(known))


def columns_of_use(model: TableModel | TaskTableModel) -> list[str]:
    """Name the columns of a table that count: features, targets, and the task."""
    targets = [target.task.name for target in model.targets]
    if isinstance(model, TaskTableModel):
        return [*model.pooled.encoder.columns, *targets, model.column]
    return [*model.encoder.columns, *targets]


def _labels(model: TableModel | TaskTableModel, frame: pd.DataFrame, *, first: int = 0) -> Batch:
    """Read all labels; the inputs are empty.

    Args:
        model: The model.
        frame: The table, or rows of it.
        first: The index of the first row in the table.

    Raises:
        DataError: There is one that the model does not know.
    """
    targets: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    problems = []
    for target in model.targets:
        name = target.task.name
        if name in frame.columns:
            try:
                targets[name], masks[name] = target.encode(frame[name], first=first)
            except DataError as error:
                problems.append(str(error))
    if problems:
        raise problem_error(problems)
    return Batch(inputs=torch.zeros(len(frame), 0), targets=targets, masks=masks)
