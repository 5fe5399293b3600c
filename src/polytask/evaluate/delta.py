"""Δm: the average relative gain of a joint model over its baselines."""

from collections.abc import Mapping, Sequence

from polytask.core import InputError, Task
from polytask.evaluate.metrics import higher_is_better, metric_names

__all__ = ["delta_m", "gain"]


def gain(task: Task, metrics: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Return how much better a task's first metric is than the baseline's, in percent of the baseline.

    Example:
        >>> gain(Task(name="y", kind="regression"), {"rmse": 0.9}, {"rmse": 1.0})
        9.99...
    """
    metric = metric_names(task)[0]
    difference = metrics[metric] - baseline[metric]
    sign = 1 if higher_is_better(task, metric) else -1
    return 100 * sign * difference / max(abs(baseline[metric]), 1e-12)


def delta_m(
    tasks: Sequence[Task],
    metrics: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, Mapping[str, float]],
) -> float:
    r"""Average the gain over tasks, in percent; above 0 joint training helps.

    .. math:: \Delta_m = \frac{100}{T} \sum_t (-1)^{l_t} \frac{M_{m,t} - M_{b,t}}{M_{b,t}}

    with :math:`l_t = 1` where less is better. Each task enters with its first metric.

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
