"""A good grouping of many tasks: merge from every task alone, then improve by small changes."""

from collections.abc import Iterator
from itertools import combinations
from typing import TypeAlias

from polytask.relate.group_value import Allowance, GroupValue, Part
from polytask.relate.helpers_in_groups import parts_with_helpers

__all__ = ["greedy_parts", "improved"]

Group: TypeAlias = frozenset[int]
Change: TypeAlias = tuple[tuple[Group, ...], tuple[Group, ...]]
"""(groups taken out, groups put in)."""

_LEAST = 1e-9
"""Changes that bring less, in parts of the largest gain, are rounding."""


def greedy_parts(value: GroupValue, budget: float, overlap: bool) -> list[Part] | None:
    """Return the parts of a good grouping; None where merging did not get within the budget.

    Of all changes the best is made each time, until none helps. The result does not depend on the order of
    the tasks, except where two changes bring exactly the same.
    """
    allowance = Allowance(budget)
    groups = _merged_into(value, allowance)
    if groups is None:
        return None
    groups = improved(groups, value, allowance)
    if overlap:
        return parts_with_helpers(groups, value, allowance)
    return [Part(group, group) for group in groups]


def improved(groups: list[Group], value: GroupValue, allowance: Allowance) -> list[Group]:
    """Move, swap, merge and part tasks while that raises the gain within the budget."""
    least = _LEAST * max(1e-300, float(abs(value.gains).max()))
    while True:
        cost = sum(value.cost(group) for group in groups)
        best, found = least, None
        for change in _changes(groups):
            raised = _raised(change, value)
            if raised > best and allowance.covers(cost + _added_cost(change, value)):
                best, found = raised, change
        if found is None:
            return groups
        groups = _changed(groups, found)


def _merged_into(value: GroupValue, allowance: Allowance) -> list[Group] | None:
    """Merge groups, the best pair first, until the budget is met; a merge must lower the cost."""
    groups = [frozenset([task]) for task in range(value.n_tasks)]
    while not allowance.covers_all(groups, value):
        merges = [((a, b), (a | b,)) for a, b in combinations(groups, 2)]
        saving = [change for change in merges if _added_cost(change, value) < 0]
        if not saving:
            return None
        groups = _changed(groups, max(saving, key=lambda change: _raised(change, value)))
    return groups


def _changes(groups: list[Group]) -> Iterator[Change]:
    """Yield all changes of one or two groups by one task each, and all merges."""
    for group in groups:
        if len(group) > 2:
            for task in group:
                yield (group,), (group - {task}, frozenset([task]))
        elif len(group) == 2:
            first, second = group
            yield (group,), (frozenset([first]), frozenset([second]))
    for a, b in combinations(groups, 2):
        yield (a, b), (a | b,)
        for task in a if len(a) > 1 else ():
            yield (a, b), (a - {task}, b | {task})
        for task in b if len(b) > 1 else ():
            yield (a, b), (a | {task}, b - {task})
        if len(a) > 1 or len(b) > 1:
            for left in a:
                for right in b:
                    yield (a, b), (a - {left} | {right}, b - {right} | {left})


def _raised(change: Change, value: GroupValue) -> float:
    out, into = change
    return sum(value.total(group) for group in into) - sum(value.total(group) for group in out)


def _added_cost(change: Change, value: GroupValue) -> float:
    out, into = change
    return sum(value.cost(group) for group in into) - sum(value.cost(group) for group in out)


def _changed(groups: list[Group], change: Change) -> list[Group]:
    out, into = change
    return [*(group for group in groups if group not in out), *into]
