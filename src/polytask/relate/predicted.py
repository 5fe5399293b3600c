"""Whether affinities foresee which tasks joint training helps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from polytask.core import InputError
from polytask.core.random import numpy_generator
from polytask.relate.affinity import Affinity, group_gain

__all__ = ["RankAgreement", "predicted_gains", "rank_agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """How well the order that affinities predict agrees with the measured one.

    Args:
        correlation: Spearman's, from -1 to 1.
        p_value: The chance of at least this correlation if the order of the tasks meant nothing.
        n_tasks: How many tasks were compared; with 4 no p-value is below 1/24, with 3 none below 1/6.
        left_out: The tasks whose predicted or measured gain is unknown.
    """

    correlation: float
    p_value: float
    n_tasks: int
    left_out: tuple[str, ...] = ()


def predicted_gains(affinity: Affinity) -> dict[str, float]:
    """Return the mean affinity that every task receives from all others, from the least to the most.

    Only with `transfer_gains` are these gains in percent, and is a task below 0 predicted to lose in joint
    training of all. Affinities from gradients give an order at most: they look at single steps on training
    examples, and all tasks may gain where all are below 0, since joint training also keeps a model from
    overfitting. How far to trust the order tells `rank_agreement`.

    Args:
        affinity: Of pairs.

    Returns:
        By task; NaN comes last, for tasks never seen with another.

    Example:
        >>> import torch
        >>> matrix = torch.tensor([[1.0, -0.5], [0.25, 1.0]])
        >>> predicted_gains(Affinity(names=("a", "b"), matrix=matrix, n_seen=torch.ones(2, 2)))
        {'b': -0.5, 'a': 0.25}
    """
    gains = group_gain(affinity, affinity.names)
    return dict(sorted(gains.items(), key=lambda each: (math.isnan(each[1]), each[1])))


def rank_agreement(
    affinity: Affinity, gains: Mapping[str, float], *, n_permutations: int = 10_000, seed: int = 0
) -> RankAgreement:
    """Compare the predicted order of the tasks with that of their measured gains in joint training.

    Spearman's rank correlation between `predicted_gains` and the gains, with a one-sided permutation test: up
    to 7 tasks over all their orders, beyond over orders drawn at random.

    Args:
        affinity: Of pairs.
        gains: The measured gain of every task in joint training of all, for example the means of `verdicts`.
        n_permutations: How many orders are drawn.
        seed: Decides which.

    Raises:
        InputError: Fewer than 3 tasks have both, one side is the same for all tasks, a gain is of no task, or
            ``n_permutations`` is below 1.

    Example:
        >>> import torch
        >>> matrix = torch.tensor([[0.0, 0.1, -0.3], [0.5, 0.0, -0.1], [0.4, 0.2, 0.0]])
        >>> affinity = Affinity(names=("a", "b", "c"), matrix=matrix, n_seen=torch.ones(3, 3))
        >>> found = rank_agreement(affinity, {"a": 5.0, "b": 1.0, "c": -2.0})
        >>> round(found.correlation, 6), round(found.p_value, 3)
        (1.0, 0.167)
    """
    if n_permutations < 1:
        raise InputError(f"`n_permutations` must be at least 1, got {n_permutations}.")
    affinity.indices(list(gains))
    predicted = group_gain(affinity, affinity.names)
    both = [name for name in affinity.names if math.isfinite(predicted[name] + gains.get(name, math.nan))]
    if len(both) < 3:
        raise InputError(
            f"Orders can be compared from 3 tasks on, but {len(both)} have a predicted and a measured gain."
        )
    left = stats.rankdata([predicted[name] for name in both])
    right = stats.rankdata([gains[name] for name in both])
    for what, ranks in (("predicted", left), ("measured", right)):
        if np.ptp(ranks) == 0:
            raise InputError(f"The {what} gains of all tasks are equal, so they have no order to compare.")
    return RankAgreement(
        correlation=float(stats.spearmanr(left, right).statistic),
        p_value=_p_value(left, right, n_permutations, seed),
        n_tasks=len(both),
        left_out=tuple(name for name in affinity.names if name not in both),
    )


def _p_value(left: np.ndarray, right: np.ndarray, n_permutations: int, seed: int) -> float:
    """Return the share of orders that agree at least as well; of ranks, their inner product is enough."""
    exact = len(left) <= 7
    if exact:
        orders = np.array(list(permutations(right)))  # [order, task]
    else:
        orders = numpy_generator(seed, "permutations").permuted(np.tile(right, (n_permutations, 1)), axis=1)
    n_as_good = int((orders @ left >= left @ right - 1e-9).sum())
    # The order found counts as one of those drawn, so that the value is never 0.
    return n_as_good / len(orders) if exact else (n_as_good + 1) / (len(orders) + 1)
