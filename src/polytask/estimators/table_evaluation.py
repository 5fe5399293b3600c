"""How good the predictions of a table model are on new rows with labels."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, DataError, DataWarning, Task
from polytask.core.names import counted
from polytask.data import read_table
from polytask.data.tables.features import EncodingReport
from polytask.data.tables.large_table import LargeTable, open_table, table_pieces
from polytask.data.tables.problems import examples, problem_error, some_rows
from polytask.evaluate import metric_names
from polytask.evaluate.running_metrics import RunningMetrics
from polytask.evaluate.target_metrics import measure_target
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel

__all__ = ["LabelledRows", "evaluate_table", "labelled_rows"]


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
        DataWarning: A model with tasks has learned from rows, or does not know their task.

    Example:
        >>> from polytask import fit
        >>> table = pd.DataFrame({"a": range(40), "b": range(100, 140)})
        >>> model = fit(table, "b", epochs=20, folds=2, baselines=False)
        >>> evaluate_table(model, table).columns.tolist()
        ['kind', 'rows', 'rmse', 'mae', 'r2']
    """
    if isinstance(model, TaskTableModel):
        rows = _labelled(model, read_table(table))
        return _measured(model, _task_outputs(model, rows, stacklevel=stacklevel + 1), rows.labels)
    opened = open_table(table)
    if isinstance(opened, LargeTable):
        return _evaluated_in_pieces(model, opened, stacklevel=stacklevel + 1)
    rows = _labelled(model, opened)
    return _measured(model, model.outputs(rows.frame, stacklevel=stacklevel + 1), rows.labels)


def _task_outputs(model: TaskTableModel, rows: LabelledRows, *, stacklevel: int) -> dict[str, Tensor]:
    """Predict rows by what is known of their tasks, and tell where it is known from these very rows."""
    inputs, code = model.encoded(rows.frame, stacklevel=stacklevel + 1)
    learned = torch.zeros(len(code), dtype=torch.bool)
    for known in model.target_tasks:
        name = known.target.name
        if name in rows.labels.targets:
            there = (rows.labels.masks[name] & (code >= 0)).nonzero().squeeze(1)
            learned[there] |= ~known.new(inputs[there], rows.labels.targets[name][there], code[there])
    if n_learned := int(learned.sum()):
        warnings.warn(
            f"The model has learned from {some_rows(n_learned)} of these with a label: it is better on them "
            "than on new ones. Measure it on others.",
            DataWarning,
            stacklevel=stacklevel,
        )
    return model.outputs(inputs, code)


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


def _evaluated_in_pieces(model: TableModel, table: LargeTable, *, stacklevel: int) -> pd.DataFrame:
    """Measure a table that is read in pieces."""
    running = {target.task.name: RunningMetrics(target) for target in model.targets}
    _check_labels(model, [name for name in running if name in table.names])
    report: EncodingReport | None = None
    n_read = 0
    for frame in table_pieces(table, [*model.encoder.columns, *running]):
        inputs, more = model.encoder.transform(frame)
        report = more if report is None else report.with_more(more)
        outputs = model.network_outputs(inputs)
        for target in model.targets:
            name = target.task.name
            if name in frame.columns:
                running[name].add(outputs[name], *target.encode(frame[name], first=n_read))
        n_read += len(frame)
    _check_labels(model, [name for name, one in running.items() if one.n_rows])
    for message in [] if report is None else report.messages(fitting=False):
        warnings.warn(message, DataWarning, stacklevel=stacklevel)
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


def _check_labels(model: TableModel | TaskTableModel, labelled: Sequence[object]) -> None:
    """Refuse a table without a label."""
    if not labelled:
        names = [target.task.name for target in model.targets]
        raise DataError(
            f"The table has no label of the model's {counted(len(names), 'target')}, "
            f"{examples(names, limit=10)}, to compare predictions with. Give rows with labels."
        )


def labelled_rows(model: TableModel | TaskTableModel, table: Any) -> LabelledRows:
    """Read a table, and the labels in it.

    Raises:
        DataError: It has no label of any target, or one that the model does not know.
    """
    return _labelled(model, read_table(table))


def _labelled(model: TableModel | TaskTableModel, frame: pd.DataFrame) -> LabelledRows:
    """Read the labels of a table, as `read_table` returns it."""
    targets: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    problems = []
    for target in model.targets:
        name = target.task.name
        if name in frame.columns:
            try:
                targets[name], masks[name] = target.encode(frame[name])
            except DataError as error:
                problems.append(str(error))
    if problems:
        raise problem_error(problems)
    known = [
        target.task
        for target in model.targets
        if target.task.name in targets and masks[target.task.name].any()
    ]
    _check_labels(model, known)
    labels = Batch(inputs=torch.zeros(len(frame), 0), targets=targets, masks=masks)
    return LabelledRows(frame=frame, labels=labels, tasks=tuple(known))
