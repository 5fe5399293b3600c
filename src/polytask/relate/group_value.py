"""What a group of tasks is predicted to bring, and what it costs."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Allowance", "GroupValue", "Part"]

Group = frozenset[int]


class Part(NamedTuple):
    """One network: what it trains, and which of these tasks it answers."""

    group: Group
    serves: Group


class GroupValue:
    """Predicts gains of groups from those of pairs; remembers what was asked.

    Args:
        gains: Known gains ``[from task, to task]``, the diagonal that of a task alone.
        cost: The cost of a group.
    """

    def __init__(self, gains: np.ndarray, cost: Callable[[Group], float]) -> None:
        self.gains = gains
        self.n_tasks = len(gains)
        self._cost = cost
        self._costs: dict[Group, float] = {}
        self._totals: dict[Group, float] = {}

    def of_task(self, task: int, group: Group) -> float:
        """Return the gain of one task of a group."""
        others = sorted(group - {task})
        return float(self.gains[others, task].mean() if others else self.gains[task, task])

    def of(self, serves: Iterable[int], group: Group) -> float:
        """Return the summed gain of the tasks that a group serves."""
        served = sorted(serves)
        members = sorted(group)
        if len(members) == 1:
            return float(self.gains[served, served].sum())
        from_all = self.gains[np.ix_(members, served)].sum()
        return float(from_all - self.gains[served, served].sum()) / (len(members) - 1)

    def total(self, group: Group) -> float:
        """Return the summed gain of all tasks of a group."""
        if group not in self._totals:
            self._totals[group] = self.of(group, group)
        return self._totals[group]

    def cost(self, group: Group) -> float:
        """Return what a network for the group costs."""
        if group not in self._costs:
            self._costs[group] = self._cost(group)
        return self._costs[group]


class Allowance:
    """Tells whether groups are within a budget, up to rounding.

    Example:
        >>> Allowance(0.3).covers(0.1 + 0.2)
        True
    """

    def __init__(self, budget: float) -> None:
        self._most = budget + 1e-9 * max(1.0, abs(budget))

    def covers(self, cost: float) -> bool:
        """Tell whether a summed cost is affordable."""
        return cost <= self._most

    def covers_all(self, groups: Sequence[Group], value: GroupValue) -> bool:
        """Tell whether networks for all these groups are affordable."""
        return self.covers(sum(value.cost(group) for group in groups))
