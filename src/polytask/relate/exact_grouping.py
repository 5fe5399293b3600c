"""A best grouping, by dynamic programming over subsets of tasks."""

from typing import NamedTuple

import numpy as np

from polytask.relate.group_value import Allowance, GroupValue, Part

__all__ = ["MOST_TASKS", "exact_parts"]

MOST_TASKS = 12
"""3^T / 2 pairs of subsets are looked at."""


class _Plan(NamedTuple):
    """Networks that serve a set of tasks: the last one, and the plan for the rest."""

    cost: float
    gain: float
    serves: int = 0
    group: int = 0
    rest: "_Plan | None" = None


def exact_parts(value: GroupValue, budget: float, overlap: bool) -> list[Part] | None:
    """Return the parts of the largest total gain, of these the cheapest; None where nothing is affordable.

    A set of tasks is served by the network that serves its first task, and the best plans for the others.
    Plans for one set are kept where no plan is both cheaper and better. With ``overlap`` a network that
    serves a set may train any set around it, so that its options are found first, by themselves.
    """
    allowance = Allowance(budget)
    options = _options(value, overlap)
    plans: list[list[_Plan]] = [[_Plan(0.0, 0.0)]]
    for served in range(1, 2**value.n_tasks):
        first = served & -served
        found = []
        for part in _subsets(served ^ first):
            rests = plans[served ^ first ^ part]
            for last in options[first | part]:
                for rest in rests:
                    cost = last.cost + rest.cost
                    if allowance.covers(cost):
                        found.append(_Plan(cost, last.gain + rest.gain, last.serves, last.group, rest))
        plans.append(_undominated(found))
    if not plans[-1]:
        return None
    plan: _Plan | None = plans[-1][-1]
    parts = []
    while plan is not None and plan.serves:
        parts.append(Part(frozenset(_tasks(plan.group)), frozenset(_tasks(plan.serves))))
        plan = plan.rest
    return parts


def _options(value: GroupValue, overlap: bool) -> list[list[_Plan]]:
    """Return by served set the networks that may serve it."""
    everyone = 2**value.n_tasks - 1
    member = (np.arange(everyone + 1)[:, None] >> np.arange(value.n_tasks)) & 1  # [set, task]
    alone = np.diagonal(value.gains)
    size = member.sum(1, keepdims=True)
    sums = member @ (value.gains - np.diag(alone))
    gains = np.where(size == 1, alone, sums / np.maximum(size - 1, 1))  # [set, task]
    costs = [value.cost(frozenset(_tasks(group))) if group else 0.0 for group in range(everyone + 1)]
    options: list[list[_Plan]] = [[]]
    for served in range(1, everyone + 1):
        helpers = _subsets(everyone ^ served) if overlap else [0]
        groups = np.array([served | helping for helping in helpers])
        totals = gains[groups] @ member[served]  # [group]
        options.append(
            _undominated(
                [_Plan(costs[group], float(total), served, group) for group, total in zip(groups, totals)]
            )
        )
    return options


def _undominated(plans: list[_Plan]) -> list[_Plan]:
    """Keep the plans that no cheaper one equals, by rising cost and gain."""
    kept: list[_Plan] = []
    for plan in sorted(plans, key=lambda plan: (plan.cost, -plan.gain)):
        if not kept or plan.gain > kept[-1].gain:
            kept.append(plan)
    return kept


def _subsets(whole: int) -> list[int]:
    """Return all subsets of a set of bits, the empty one too."""
    found = [0]
    part = whole
    while part:
        found.append(part)
        part = (part - 1) & whole
    return found


def _tasks(bits: int) -> list[int]:
    return [task for task in range(int(bits).bit_length()) if int(bits) >> task & 1]
