"""What is noteworthy, or wrong, about the labels of rows that a network shall read."""

import warnings
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from polytask.core import DataError, DataWarning
from polytask.core.names import counted
from polytask.data.tables.problems import some_rows
from polytask.models.known_rows import KnownRows
from polytask.models.task_names import TaskNames

__all__ = ["check_classes", "check_near", "partly_text"]

_FAR, _BEYOND = 20.0, 1000.0  # labels, in standard deviations of those of training


def check_near(labels: Tensor, names: Sequence[str]) -> None:
    """Tell of labels unlike those of the training.

    Args:
        labels: Their standardized values, ``[row, target]``.
        names: The targets.

    Raises:
        DataError: They are so far away that the network would answer nonsense.
    """
    for index, name in enumerate(names):
        far = float(labels[:, index].abs().max()) if len(labels) else 0.0
        if far > _BEYOND:
            raise DataError(
                f"Labels of {name!r} lie up to {far:,.0f} standard deviations away from those that the "
                "network was trained on: it would answer nonsense. Correct them, or learn anew with tasks "
                "like this one."
            )
        if far > _FAR:
            warnings.warn(
                f"labels of {name!r} lie up to {far:,.0f} standard deviations away from those of the "
                "training; answers for such tasks rest on nothing like them",
                DataWarning,
                stacklevel=3,
            )


def check_classes(known: KnownRows, names: TaskNames, most: int, *, of_tasks: bool) -> None:
    """Refuse tasks that have more classes of their own than a network was built for.

    Args:
        known: All rows that would be known.
        names: The tasks.
        most: How many classes a task may have.
        of_tasks: Whether there is a column of tasks; otherwise all rows are of one.

    Raises:
        DataError: A task has more.
    """
    pairs = np.stack([known.task.numpy(), known.labels[:, 0].long().numpy()], axis=1)
    task, counts = np.unique(np.unique(pairs, axis=0)[:, 0], return_counts=True)
    if len(counts) and int(counts.max()) > most:
        who = f"Task {names.names[task[counts.argmax()]]!r} has" if of_tasks else "The rows have"
        raise DataError(
            f"{who} {counted(int(counts.max()), 'class', 'classes')}, but the network was built for {most}. "
            "Leave some out or merge them, or learn anew with a larger `most_classes`."
        )


def partly_text(n_partly: int) -> str:
    """Say that rows lack a label of one of several targets."""
    return (
        f"{some_rows(n_partly)} {'lacks' if n_partly == 1 else 'lack'} a label of some targets, and "
        f"{'is' if n_partly == 1 else 'are'} left out: the network reads all targets of a row together."
    )
