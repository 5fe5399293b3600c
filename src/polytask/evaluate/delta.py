"""Δm: the average relative gain of a joint model over its baselines."""

import math
from collections.abc import Mapping, Sequence

from polytask.core import InputError, Task
from polytask.evaluate.metrics import higher_is_better, metric_names

__all__ = ["delta_m", "gain"]

_NOTHING = 1e-3  # shares and R² below it are no base for a percentage


def gain(task: Task, metrics: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Return how much better a task's first metric is than the baseline's, in percent of the baseline.

    NaN, for unknown, where there is nothing to take a percentage of: the baseline is 0 (for an accuracy, an
    AUROC, an F1 or an R²: nearly 0) and the metric is not the same, or one of the two is not finite.

    Example:
        >>> gain(Task(name="y", kind="regression"), {"rmse": 0.9}, {"rmse": 1.0})
        9.99...
        >>> gain(Task(name="k", kind="binary"), {"accuracy": 0.07}, {"accuracy": 0.0})
        nan
    """
    metric = metric_names(task)[0]
    ours, base = metrics[metric], baseline[metric]
    if not (math.isfinite(ours) and math.isfinite(base)):
        return math.nan
    if ours == base:
        return 0.0
    higher = higher_is_better(task, metric)
    # An error has units, so that nothing can be said about its size but beside the other error.
    if abs(base) <= (_NOTHING if higher else 1e-9 * abs(ours)):
        return math.nan
    return (100 if higher else -100) * (ours - base) / abs(base)


def delta_m(
    tasks: Sequence[Task],
    metrics: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, Mapping[str, float]],
) -> float:
    r"""Average the gain over tasks, in percent; above 0 joint training helps.

    .. math:: \Delta_m = \frac{100}{T} \sum_t (-1)^{l_t} \frac{M_{m,t} - M_{b,t}}{M_{b,t}}

    with :math:`l_t = 1` where less is better. Each task enters with its first metric. NaN where the gain of
    a task is unknown (see `gain`): the mean of the others would be another quantity.

    Raises:
        InputError: A task has no metrics on one of the sides, or there is no task.

    References:
        Kevis-Kokitsi Maninis, Ilija Radosavovic, Iasonas Kokkinos, "Attentive Single-Tasking of Multiple
        Tasks", CVPR 2019, arXiv:1904.08918, eq. 4.
    """
    without = [task.name for task in tasks if task.name not in metrics or task.name not in baseline]
    if without or not tasks:
        raise InputError(f"Δm needs the metrics of every task, but {', '.join(without) or 'all'} have none.")
    return sum(gain(task, metrics[task.name], baseline[task.name]) for task in tasks) / len(tasks)
