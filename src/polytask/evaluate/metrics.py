"""Metrics by task on the labelled examples alone, part by part; an undefined part is counted, not averaged.

A metric is the mean of its parts: one for each output of a regression, for each label of a multi-label
task, for each class where classes are averaged, else the whole. A part without what it needs (both classes
for AUROC, two different values for R², an example of the class) is undefined: it is left out of the mean
and counted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional import mean_absolute_error, mean_squared_error, r2_score
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from polytask.core import Batch, InputError, Predictor, Task
from polytask.core.task import TaskKind

__all__ = [
    "TaskMetrics",
    "all_predictions",
    "evaluate",
    "higher_is_better",
    "measure",
    "metric_names",
    "metrics_of",
    "of_probabilities",
]

_UNDEFINED = math.nan


class TaskMetrics(dict[str, float]):
    """The metrics of one task: name to value, NaN where no part of the metric is defined.

    Args:
        values: By metric.
        undefined: By metric, how many of its parts are undefined; metrics without such parts are left out.

    Example:
        >>> TaskMetrics({"accuracy": 0.9, "auroc": float("nan")}, undefined={"auroc": 1}).undefined
        {'auroc': 1}
    """

    def __init__(self, values: Mapping[str, float], *, undefined: Mapping[str, int] | None = None) -> None:
        super().__init__(values)
        self.undefined = dict(undefined or {})


_Part = tuple[Tensor, Tensor]  # answers and targets of the labelled examples, float64 or int64, [example]


@dataclass(frozen=True, slots=True)
class _Entry:
    measure: Callable[[Sequence[_Part]], list[float]]
    higher_is_better: bool
    has_units: bool = False  # measured in the target's own units
    of_probabilities: bool = False  # not of decisions, nor of ranks
    usual: bool = True  # measured where no metric is named


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
    return task.metrics or tuple(name for name, entry in known.items() if entry.usual)


def metrics_of(kind: TaskKind) -> tuple[str, ...]:
    """Return all metrics that a task of a kind may name; not all are measured where none is.

    Example:
        >>> metrics_of("binary")
        ('accuracy', 'auroc', 'f1', 'balanced_accuracy', 'average_precision', 'log_loss', 'brier')
    """
    return tuple(_METRICS[kind])


def of_probabilities(task: Task, metric: str) -> bool:
    """Tell whether a metric looks at probabilities, and not at decisions or ranks."""
    return _METRICS[task.kind][metric].of_probabilities


def higher_is_better(task: Task, metric: str) -> bool:
    """Tell whether more of a metric is better."""
    return _METRICS[task.kind][metric].higher_is_better


def evaluate(
    predictor: Predictor, data: Batch, *, batch_size: int = 1024, scales: Mapping[str, float] | None = None
) -> dict[str, TaskMetrics]:
    """Return every metric of every task on the labelled examples.

    Args:
        predictor: Answers the tasks.
        data: Inputs with targets; missing labels are left out.
        batch_size: How many examples are answered at once.
        scales: By task name, how many units of the original target one unit of a regression target stands
            for; its errors are multiplied by it.

    Returns:
        ``{task: {metric: value}}``. A metric is the mean of its defined parts (outputs, labels, classes); NaN
        where none is defined, e.g. AUROC with labels of one class, or an answer is NaN. How many parts are
        undefined stands in `TaskMetrics.undefined`. A task without any label is left out.
    """
    answers = all_predictions(predictor, data, batch_size=batch_size)
    return {
        task.name: measure(task, answers[task.name], data, (scales or {}).get(task.name, 1.0))
        for task in predictor.tasks
        if data.n_labels(task.name)
    }


def all_predictions(predictor: Predictor, data: Batch, *, batch_size: int = 1024) -> dict[str, Tensor]:
    """Return the predictions for every example, answered piece by piece: float64 on the CPU."""
    pieces: dict[str, list[Tensor]] = {task.name: [] for task in predictor.tasks}
    with torch.no_grad():
        for start in range(0, len(data), batch_size):
            part = data.rows(slice(start, start + batch_size))
            for name, prediction in predictor(part.inputs).items():
                pieces[name].append(prediction.cpu().double())
    return {name: torch.cat(parts) for name, parts in pieces.items() if parts}


def measure(
    task: Task, prediction: Tensor, data: Batch, scale: float = 1.0, *, names: Sequence[str] | None = None
) -> TaskMetrics:
    """Return the metrics of a task for predictions ``[example, n_outputs]``; see `evaluate`.

    Args:
        task: The task.
        prediction: What is measured.
        data: The labels of the same examples.
        scale: Units of the original target that one unit of a regression target stands for.
        names: The metrics; None for all.
    """
    parts = _parts(task, prediction, data.targets[task.name].cpu(), data.masks.get(task.name))
    values, undefined = {}, {}
    for name in names or metric_names(task):
        entry = _METRICS[task.kind][name]
        measured = entry.measure(parts)
        defined = [value for value in measured if not math.isnan(value)]
        values[name] = sum(defined) / len(defined) if defined else _UNDEFINED
        if entry.has_units:
            values[name] *= scale
        if len(defined) < len(measured):
            undefined[name] = len(measured) - len(defined)
    return TaskMetrics(values, undefined=undefined)


def _parts(task: Task, prediction: Tensor, target: Tensor, mask: Tensor | None) -> list[_Part]:
    """Return the labelled answers and targets, for every output on its own."""
    rows = len(target)
    if task.kind == "multiclass":
        kept = torch.ones(rows, dtype=torch.bool) if mask is None else mask.cpu().reshape(rows)
        return [(prediction[kept], target.reshape(rows)[kept].long())]
    prediction, target = prediction.reshape(rows, -1), target.reshape(rows, -1)  # [example, output]
    known = torch.ones_like(target, dtype=torch.bool)
    if mask is not None:
        known = mask.cpu().reshape(rows, -1).expand_as(target)
    cells = zip(prediction.unbind(1), target.unbind(1), known.unbind(1), strict=True)
    return [(answer[kept], truth[kept].double()) for answer, truth, kept in cells]


def _by_output(
    measure: Callable[[Tensor, Tensor], float], *, least: int = 1
) -> Callable[[Sequence[_Part]], list[float]]:
    """Measure every output; undefined with fewer labels than ``least``, or where an answer is NaN."""

    def measured(parts: Sequence[_Part]) -> list[float]:
        return [
            _UNDEFINED if len(target) < least or answer.isnan().any() else measure(answer, target)
            for answer, target in parts
        ]

    return measured


def _r2(answer: Tensor, target: Tensor) -> float:
    if bool((target == target[0]).all()):
        return _UNDEFINED
    centred = target - target.mean()  # so that squares keep their digits
    unit = power_of_two(centred)
    return float(r2_score((answer - target.mean()) / unit, centred / unit))


def _auroc(answer: Tensor, target: Tensor) -> float:
    if len(target.unique()) < 2:
        return _UNDEFINED
    # Ranks instead of probabilities: a sigmoid near 0 or 1 would make different answers equal.
    _, ranks = answer.unique(return_inverse=True)
    return float(binary_auroc(ranks.double() / len(answer), target.long(), validate_args=False))


def _accuracy(answer: Tensor, target: Tensor) -> float:
    return float(((answer > 0) == (target > 0.5)).double().mean())


def _binary_f1(answer: Tensor, target: Tensor) -> float:
    return _f1(answer > 0, target > 0.5)


def _class_accuracy(parts: Sequence[_Part]) -> list[float]:
    ((answer, target),) = parts
    if answer.isnan().any() or not len(target):
        return [_UNDEFINED]
    return [float((answer.argmax(-1) == target).double().mean())]


def _recalls(parts: Sequence[_Part]) -> list[float]:
    """Return the recall of every class; undefined for a class without an example."""
    ((answer, target),) = parts
    if answer.isnan().any():
        return [_UNDEFINED] * answer.shape[1]
    decided = answer.argmax(-1)
    members = [target == index for index in range(answer.shape[1])]
    return [
        float((decided[own] == index).double().mean()) if own.any() else _UNDEFINED
        for index, own in enumerate(members)
    ]


def _binary_recalls(parts: Sequence[_Part]) -> list[float]:
    """Return the recall of both classes; undefined for a class without an example."""
    ((answer, target),) = parts
    if answer.isnan().any():
        return [_UNDEFINED] * 2
    members = [(target > 0.5) == bool(index) for index in range(2)]
    return [
        float(((answer[own] > 0) == bool(index)).double().mean()) if own.any() else _UNDEFINED
        for index, own in enumerate(members)
    ]


def _average_precision(answer: Tensor, target: Tensor) -> float:
    if len(target.unique()) < 2:
        return _UNDEFINED
    _, ranks = answer.unique(return_inverse=True)  # as for the AUROC
    shares = ranks.double() / len(answer)
    return float(binary_average_precision(shares, target.long(), validate_args=False))


def _binary_log_loss(answer: Tensor, target: Tensor) -> float:
    return float(functional.binary_cross_entropy_with_logits(answer, target))


def _binary_brier(answer: Tensor, target: Tensor) -> float:
    return float((answer.sigmoid() - target).square().mean())


def _class_log_loss(parts: Sequence[_Part]) -> list[float]:
    ((answer, target),) = parts
    if answer.isnan().any() or not len(target):
        return [_UNDEFINED]
    return [float(functional.cross_entropy(answer, target))]


def _class_brier(parts: Sequence[_Part]) -> list[float]:
    ((answer, target),) = parts
    if answer.isnan().any() or not len(target):
        return [_UNDEFINED]
    wanted = functional.one_hot(target, answer.shape[1])
    return [float((answer.softmax(-1) - wanted).square().sum(-1).mean())]


def _f1_by_class(parts: Sequence[_Part]) -> list[float]:
    """Return F1 of every class; undefined for a class that is neither there nor answered."""
    ((answer, target),) = parts
    if answer.isnan().any():
        return [_UNDEFINED] * answer.shape[1]
    decided = answer.argmax(-1)
    return [_f1(decided == index, target == index) for index in range(answer.shape[1])]


def _f1(decided: Tensor, target: Tensor) -> float:
    n_involved = int(decided.sum() + target.sum())
    return 2 * int((decided & target).sum()) / n_involved if n_involved else _UNDEFINED


def _rmse(answer: Tensor, target: Tensor) -> float:
    unit = power_of_two(answer - target)
    return unit * float(mean_squared_error(answer / unit, target / unit, squared=False))


def power_of_two(values: Tensor) -> float:
    """Return a unit of about the size of numbers, in which their squares are neither 0 nor infinite.

    Dividing by a power of two changes no digit.

    Example:
        >>> power_of_two(torch.tensor([0.0, -6.0])), power_of_two(torch.zeros(2))
        (4.0, 1.0)
    """
    largest = float(values.abs().max()) if len(values) else 0.0
    if not (0 < largest < math.inf):
        return 1.0
    return 2.0 ** max(math.frexp(largest)[1] - 1, -1000)


def _mae(answer: Tensor, target: Tensor) -> float:
    return float(mean_absolute_error(answer, target))


_METRICS: Mapping[TaskKind, Mapping[str, _Entry]] = {
    "regression": {
        "rmse": _Entry(_by_output(_rmse), False, has_units=True),
        "mae": _Entry(_by_output(_mae), False, has_units=True),
        "r2": _Entry(_by_output(_r2, least=2), True),
    },
    "binary": {
        "accuracy": _Entry(_by_output(_accuracy), True),
        "auroc": _Entry(_by_output(_auroc), True),
        "f1": _Entry(_by_output(_binary_f1), True),
        "balanced_accuracy": _Entry(_binary_recalls, True, usual=False),
        "average_precision": _Entry(_by_output(_average_precision), True, usual=False),
        "log_loss": _Entry(_by_output(_binary_log_loss), False, of_probabilities=True, usual=False),
        "brier": _Entry(_by_output(_binary_brier), False, of_probabilities=True, usual=False),
    },
    "multiclass": {
        "accuracy": _Entry(_class_accuracy, True),
        "balanced_accuracy": _Entry(_recalls, True),
        "f1": _Entry(_f1_by_class, True),
        "log_loss": _Entry(_class_log_loss, False, of_probabilities=True, usual=False),
        "brier": _Entry(_class_brier, False, of_probabilities=True, usual=False),
    },
    "multilabel": {
        "accuracy": _Entry(_by_output(_accuracy), True),
        "auroc": _Entry(_by_output(_auroc), True),
    },
}
