"""Metrics by task, computed by torchmetrics on the labelled examples alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric, R2Score
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassF1Score,
    MultilabelAccuracy,
    MultilabelAUROC,
)

from polytask.core import Batch, InputError, Predictor, Task, TaskKind

__all__ = ["evaluate", "higher_is_better", "metric_names"]


@dataclass(frozen=True, slots=True)
class _Entry:
    build: Callable[[Task], Metric]
    higher_is_better: bool
    has_units: bool = False  # measured in the target's own units


_METRICS: Mapping[TaskKind, Mapping[str, _Entry]] = {
    "regression": {
        "rmse": _Entry(lambda _: MeanSquaredError(squared=False), False, has_units=True),
        "mae": _Entry(lambda _: MeanAbsoluteError(), False, has_units=True),
        "r2": _Entry(lambda _: R2Score(), True),
    },
    "binary": {
        "accuracy": _Entry(lambda _: BinaryAccuracy(), True),
        "auroc": _Entry(lambda _: BinaryAUROC(), True),
        "f1": _Entry(lambda _: BinaryF1Score(), True),
    },
    "multiclass": {
        "accuracy": _Entry(lambda task: MulticlassAccuracy(task.n_outputs, average="micro"), True),
        "balanced_accuracy": _Entry(lambda task: MulticlassAccuracy(task.n_outputs, average="macro"), True),
        "f1": _Entry(lambda task: MulticlassF1Score(task.n_outputs, average="macro"), True),
    },
    "multilabel": {
        "accuracy": _Entry(lambda task: MultilabelAccuracy(task.n_outputs, ignore_index=-1), True),
        "auroc": _Entry(lambda task: MultilabelAUROC(task.n_outputs, ignore_index=-1), True),
    },
}


def metric_names(task: Task) -> tuple[str, ...]:
    """Return the metrics of a task, its own or its kind's; the first is the one that Δm compares.

    Raises:
        InputError: The task names a metric that its kind does not have.

    Example:
        >>> metric_names(Task(name="y", kind="regression"))
        ('rmse', 'mae', 'r2')
    """
    known = _METRICS[task.kind]
    unknown = [name for name in task.metrics if name not in known]
    if unknown:
        raise InputError(
            f"Task {task.name!r} is {task.kind} and has no metric {', '.join(unknown)}; "
            f"there are {', '.join(known)}."
        )
    return task.metrics or tuple(known)


def higher_is_better(task: Task, metric: str) -> bool:
    """Tell whether more of a metric is better."""
    return _METRICS[task.kind][metric].higher_is_better


def evaluate(
    predictor: Predictor, data: Batch, *, batch_size: int = 1024, scales: Mapping[str, float] | None = None
) -> dict[str, dict[str, float]]:
    """Return every metric of every task on the labelled examples.

    Args:
        predictor: Answers the tasks.
        data: Inputs with targets; missing labels are left out.
        batch_size: How many examples are answered at once.
        scales: By task name, how many units of the original target one unit of a regression target stands
            for; its errors are multiplied by it.

    Returns:
        ``{task: {metric: value}}``; NaN where a metric is undefined, e.g. AUROC with labels of one class. A
        task without any label is left out.
    """
    answers: dict[str, list[Tensor]] = {task.name: [] for task in predictor.tasks}
    with torch.no_grad():
        for start in range(0, len(data), batch_size):
            part = data.rows(slice(start, start + batch_size))
            for name, prediction in predictor(part.inputs).items():
                answers[name].append(prediction)
    found = {}
    for task in predictor.tasks:
        if data.n_labels(task.name):
            prediction = torch.cat(answers[task.name]).float().cpu()
            target, mask = data.targets[task.name].cpu(), data.masks.get(task.name)
            scale = (scales or {}).get(task.name, 1.0)
            found[task.name] = _measure(task, prediction, target, None if mask is None else mask.cpu(), scale)
    return found


def _measure(
    task: Task, prediction: Tensor, target: Tensor, mask: Tensor | None, scale: float
) -> dict[str, float]:
    answer = task.decide(prediction) if task.kind == "regression" else task.probabilities(prediction)
    if mask is not None and mask.ndim == 1:
        answer, target = answer[mask], target[mask]
    elif mask is not None and task.kind == "multilabel":
        target = torch.where(mask, target, -torch.ones_like(target))  # the metric's mark for no label
    elif mask is not None:
        answer, target = answer[mask], target[mask]
    target = target.float() if task.kind == "regression" else target.long()
    measured = {}
    for name in metric_names(task):
        entry = _METRICS[task.kind][name]
        value = _value(entry.build(task), answer, target)
        measured[name] = value * scale if entry.has_units else value
    return measured


def _value(metric: Metric, answer: Tensor, target: Tensor) -> float:
    needs_both = isinstance(metric, BinaryAUROC) and len(target.unique()) < 2
    needs_two = isinstance(metric, R2Score) and len(target) < 2
    if needs_both or needs_two:
        return float("nan")
    if isinstance(metric, (MeanSquaredError, MeanAbsoluteError)):
        answer, target = answer.flatten(), target.flatten()
    metric.update(answer, target)
    return float(metric.compute())
