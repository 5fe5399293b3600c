"""Metrics of a table's target: in its own units, and of what it answers."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from polytask.core import Batch
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.metrics import TaskMetrics, measure, metric_names, of_probabilities

__all__ = ["measure_target"]


def measure_target(
    target: TargetColumn, prediction: Tensor, data: Batch, *, names: Sequence[str] | None = None
) -> TaskMetrics:
    """Return the metrics of a target for predictions ``[row, n_outputs]``, as its answers have them.

    Errors are in the units of the column, also where it is learned on a log scale. With class weights,
    metrics of decisions are those of the answers that the weights decide; metrics of probabilities look at
    the probabilities as they are.

    Args:
        target: The target.
        prediction: What networks give: standardized numbers, or logits.
        data: The labels of the same rows, as `TargetColumn.encode` gives them.
        names: The metrics; None for all.

    Example:
        >>> import torch
        >>> from polytask.core import Task
        >>> task = Task(name="sold", kind="binary", labels=("no", "yes"))
        >>> target = TargetColumn(task=task, classes=("no", "yes"), class_weights=(0.5, 4.0))
        >>> rows = Batch(inputs=torch.zeros(2, 0), targets={"sold": torch.tensor([0.0, 1.0])})
        >>> measure_target(target, torch.tensor([[-3.0], [-1.0]]), rows, names=["accuracy"])
        {'accuracy': 1.0}
    """
    task, wanted = target.task, names or metric_names(target.task)
    if target.log:
        truth = {**data.targets, task.name: target.units(data.targets[task.name].double())}
        return measure(task, target.units(prediction.double()), replace(data, targets=truth), names=wanted)
    if not target.class_weights:
        return measure(task, prediction, data, target.scale, names=wanted)
    decisive = target.decisive(prediction)
    values, undefined = {}, {}
    for name in wanted:
        found = measure(task, prediction if of_probabilities(task, name) else decisive, data, names=[name])
        values, undefined = values | found, undefined | found.undefined
    return TaskMetrics(values, undefined=undefined)
