"""How much each target of a table model needs each column."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, DataWarning, Task, generator
from polytask.core.settings import SettingsCheck
from polytask.data import TableEncoder
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import TargetColumn
from polytask.estimators.importance_rows import sampled_rows
from polytask.estimators.table_evaluation import LabelledRows
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions, higher_is_better
from polytask.evaluate.skill import row_losses
from polytask.evaluate.target_metrics import measure_target
from polytask.models.encoded_rows import encoded_rows
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel

__all__ = ["importance"]


def importance(
    model: TableModel | TaskTableModel,
    table: Any,
    *,
    n_repeats: int = 5,
    sample_rows: int | None = None,
    seed: int = 0,
    stacklevel: int = 2,
) -> pd.DataFrame:
    r"""Tell how much worse each target is predicted when a column is shuffled.

    .. math:: (L_s - L) / L_c

    with the loss :math:`L` (squared error, or log loss) on the table, :math:`L_s` with the column's values
    dealt to other rows at random, and :math:`L_c` of the constant answer that is best for these labels. 0
    means that the column is not used; 1, that shuffling it costs as much as the constant answer is off.
    Columns that tell the same are each found unimportant, as the other one is still there.

    A target that was fitted with a metric of its own (``fit(metrics=)``) is measured by that one instead: how
    much worse it gets, in units of what lies between the constant answer's and a perfect one.

    Of a model with tasks the task column is shuffled, too: that is what knowing a row's task is worth.
    Columns are shuffled over the rows of all tasks.

    Args:
        model: The model.
        table: Rows with labels, best such as the model was not trained on; see `evaluate_table`.
        n_repeats: How often each column is shuffled.
        sample_rows: How many rows with a label of each target are enough, drawn at random; None for 20,000,
            with a warning where there are more.
        seed: Decides how columns are shuffled, and which rows are drawn.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each column in use, those of most use first. By target ``importance``, the mean over the
        repeats, and ``spread``, their standard deviation; NaN where labels are all equal. Its ``attrs``
        tell by ``"rows"`` how many were ``measured``, of how many in the ``table``.

    Raises:
        InputError: A setting is wrong.
        DataError: The table has no label of any target, or one that the model does not know.

    Warns:
        DataWarning: Rows were drawn without being asked for, or labels are all equal.

    References:
        Leo Breiman, "Random Forests", Machine Learning 45, 2001, section 10.
    """
    check = SettingsCheck()
    n_repeats = check.whole("n_repeats", n_repeats, least=1)
    if sample_rows is not None:
        sample_rows = check.whole("sample_rows", sample_rows, least=2)
    seed = check.whole("seed", seed, least=0)
    check.done()
    sampled = sampled_rows(model, table, sample_rows=sample_rows, seed=seed, stacklevel=stacklevel + 1)
    rows = sampled.rows
    if len(rows.frame) < 2:
        raise DataError(
            "The table has 1 row with a label, but importance deals the values of a column to other rows. "
            "Give two rows or more, better a hundred."
        )
    asked = _Asked.of(model, rows.frame, stacklevel=stacklevel + 1)
    judged = _Judged(rows, [target for target in model.targets if target.task in rows.tasks])
    before, units = judged.costs(asked.outputs()), judged.units()
    unknown = [task.name for task, unit in zip(rows.tasks, units.tolist()) if math.isnan(unit)]
    if unknown:
        warnings.warn(
            f"The importance for {examples(unknown)} is not known: all labels here are equal. Give rows with "
            "different ones.",
            DataWarning,
            stacklevel=stacklevel,
        )
    found: dict[str, Tensor] = {}
    for column in asked.places:
        draw = generator(seed, "importance", column)
        repeats = []
        for _ in range(n_repeats):
            order = torch.randperm(len(rows.frame), generator=draw)
            repeats.append((judged.costs(asked.shuffled(column, order).outputs()) - before) / units)
        found[column] = torch.stack(repeats)  # [repeat, target]
    figures = _framed(found, [task.name for task in rows.tasks])
    figures.attrs["rows"] = sampled.counts
    return figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """Rows that a model is asked about.

    Args:
        predict: What it says of encoded rows and their tasks.
        inputs: The encoded rows ``[row, feature]``.
        task: The number of each row's task, long ``[row]``; of no use to a model without tasks.
        places: Which features are a column's; None for the task column.
    """

    predict: Callable[[Tensor, Tensor], Mapping[str, Tensor]]
    inputs: Tensor
    task: Tensor
    places: Mapping[str, slice | None]

    @classmethod
    def of(cls, model: TableModel | TaskTableModel, frame: pd.DataFrame, *, stacklevel: int) -> Self:
        """Encode rows, and tell what is noteworthy."""
        if isinstance(model, TaskTableModel):
            inputs, task = model.encoded(frame, stacklevel=stacklevel + 1)
            places = {model.column: None, **_places(model.pooled.encoder)}
            return cls(predict=model.outputs, inputs=inputs, task=task, places=places)
        inputs = encoded_rows(model.encoder, frame, stacklevel=stacklevel)
        return cls(
            predict=lambda rows, _: model.network_outputs(rows),
            inputs=inputs,
            task=torch.zeros(len(inputs), dtype=torch.long),
            places=_places(model.encoder),
        )

    def outputs(self) -> Mapping[str, Tensor]:
        """Predict the rows."""
        return self.predict(self.inputs, self.task)

    def shuffled(self, column: str, order: Tensor) -> "_Asked":
        """Deal the values of a column to other rows."""
        place = self.places[column]
        if place is None:
            return replace(self, task=self.task[order])
        shuffled = self.inputs.clone()
        shuffled[:, place] = self.inputs[order][:, place]
        return replace(self, inputs=shuffled)


class _Judged:
    """What it costs that predictions are off: the loss of a target, or the metric that was asked.

    Args:
        rows: The labels.
        targets: Those with a label.
    """

    def __init__(self, rows: LabelledRows, targets: Sequence[TargetColumn]) -> None:
        self.rows, self.targets = rows, targets

    def costs(self, outputs: Mapping[str, Tensor]) -> Tensor:
        """Return the cost of predictions by target ``[target]``; lower is better."""
        return torch.tensor([self._cost(target, outputs) for target in self.targets], dtype=torch.float64)

    def units(self) -> Tensor:
        """Return by how much constant answers cost more than perfect ones; NaN where labels are all equal."""
        tasks, labels = [target.task for target in self.targets], self.rows.labels
        answers = all_predictions(constant_predictor(tasks, labels), labels)
        plain = [replace(target, class_weights=()) for target in self.targets]  # else a constant is a tie
        constant = _Judged(self.rows, plain).costs(answers)
        perfect = torch.tensor([-1.0 if _higher(task) else 0.0 for task in tasks], dtype=torch.float64)
        differ = [len(labels.targets[task.name][labels.masks[task.name]].unique()) > 1 for task in tasks]
        usable = torch.tensor(differ) & (constant > perfect)
        return torch.where(usable, constant - perfect, torch.nan)

    def _cost(self, target: TargetColumn, outputs: Mapping[str, Tensor]) -> float:
        task, predicted = target.task, outputs[target.task.name].double()
        if not task.metrics:
            return float(row_losses(task, predicted, self.rows.labels).mean())
        metric = task.metrics[0]
        value = measure_target(target, predicted, self.rows.labels, names=[metric])[metric]
        return -value if _higher(task) else value


def _higher(task: Task) -> bool:
    return bool(task.metrics) and higher_is_better(task, task.metrics[0])


def _places(encoder: TableEncoder) -> dict[str, slice]:
    """Tell which features are a column's: shuffled together, they are the column shuffled."""
    places, start = {}, 0
    for encoding in encoder.encodings:
        places[encoding.name] = slice(start, start + len(encoding.feature_names))
        start += len(encoding.feature_names)
    return places


def _framed(found: Mapping[str, Tensor], names: list[str]) -> pd.DataFrame:
    """Return means and spreads of ``[repeat, target]`` by column, those of most use first."""
    means = np.stack([values.mean(0).numpy() for values in found.values()])  # [column, target]
    spreads = np.stack(
        [values.std(0, correction=min(1, len(values) - 1)).numpy() for values in found.values()]
    )
    columns = pd.MultiIndex.from_product([names, ["importance", "spread"]], names=["target", "statistic"])
    figures = np.stack([means, spreads], axis=-1).reshape(len(found), -1)
    frame = pd.DataFrame(figures, index=pd.Index(list(found), name="column"), columns=columns)
    order = np.argsort(-np.nan_to_num(means).mean(axis=1), kind="stable")
    return frame.iloc[order]
