"""What a run must tell of every task, to be compared with others."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from polytask.core import InputError, Task
from polytask.evaluate import metric_names

__all__ = ["Metrics", "with_compared"]

Metrics: TypeAlias = Mapping[str, Mapping[str, float]]
"""By task name, metrics by name."""


def with_compared(found: Metrics, tasks: Sequence[Task], run: str) -> Metrics:
    """Return what a run found, after a look that every task has the metric that is compared, its first one.

    Args:
        found: What ``fit`` returned.
        tasks: Those it was given.
        run: What else it was given, for the message: ``" and seed 3"``.

    Raises:
        InputError: A metric is missing.
    """
    for task in tasks:
        metric = metric_names(task)[0]
        if metric not in found.get(task.name, {}):
            names = ", ".join(each.name for each in tasks)
            raise InputError(
                f"`fit` gave no {metric} of {task.name!r} for the tasks {names}{run}; it must return "
                "{task: {metric: value}} for every task it is given."
            )
    return found
