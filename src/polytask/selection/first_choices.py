"""What to try first on a new task: what was best on the tasks most like it."""

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.selection.described_task import TaskFeatures
from polytask.selection.run_log import RunLog

__all__ = ["warm_start", "warm_start_order"]


def warm_start(log: RunLog, features: TaskFeatures, *, size: int) -> tuple[str, ...]:
    """Name configurations to try on a new task, in this order.

    The logged tasks are ordered by the L1 distance of their meta-features, each divided by its deviation over
    the log. First comes the best configuration of the nearest task, then that of the next, without
    repetition; once all tasks are used up, their second best ones in the same order, and so on.

    Args:
        log: What was run on other tasks, with meta-features.
        features: The new task's.
        size: Configurations to name.

    Raises:
        InputError: The log has no meta-features or others, or the size is out of range.

    Example:
        >>> log = RunLog(tasks=("small", "large"), configurations=("x", "y"), higher_is_better=False,
        ...              scores=torch.tensor([[0.1, 0.5], [0.9, 0.2]]),
        ...              feature_names=("log rows",), features=torch.tensor([[3.0], [9.0]]))
        >>> new = TaskFeatures(names=("log rows",), values=torch.tensor([8.0]))
        >>> warm_start(log, new, size=2)
        ('y', 'x')

    References:
        Feurer, Springenberg, Hutter. Initializing Bayesian Hyperparameter Optimization via Meta-Learning.
        AAAI 2015, with its distance for p = 1. Differs: meta-features are divided by their deviation, and the
        order goes on when tasks are used up.
    """
    if features.names != log.feature_names or log.features is None:
        known = ", ".join(log.feature_names) or "none"
        raise InputError(
            f"The log has the meta-features {known}, the new task {', '.join(features.names)}; they must be "
            "the same in the same order. Compute both by one function."
        )
    if not 1 <= size <= len(log.configurations):
        raise InputError(
            f"`size` must be between 1 and {len(log.configurations)} configurations, got {size}."
        )
    return tuple(log.configurations[c] for c in warm_start_order(log, features.values, size))


def warm_start_order(log: RunLog, values: Tensor, size: int) -> list[int]:
    """Return positions of configurations for a task with meta-features ``[meta-feature]``."""
    if log.features is None:
        raise InputError("A warm start needs a log with meta-features; see `task_features`.")
    deviation = log.features.std(0, correction=0)
    varies = deviation > 1e-12  # what no logged task differs in says nothing of their likeness
    apart = (log.features - values.to(log.features))[:, varies].abs() / deviation[varies]
    nearest = apart.sum(1).argsort(stable=True).tolist()
    losses = -log.scores if log.higher_is_better else log.scores
    ranking = losses.nan_to_num(nan=torch.inf).argsort(dim=1, stable=True)  # [task, rank]
    order: dict[int, None] = {}
    for rank in range(len(log.configurations)):
        for row in nearest:
            configuration = int(ranking[row, rank])
            if not losses[row, configuration].isnan():
                order.setdefault(configuration)
    for configuration in range(len(log.configurations)):
        order.setdefault(configuration)  # never run: at the end
    return list(order)[:size]
