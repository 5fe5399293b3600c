"""Which tasks to train together: groups of the largest predicted gain under a budget of networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from polytask.core import InputError
from polytask.relate.exact_grouping import MOST_TASKS, exact_parts
from polytask.relate.greedy_grouping import greedy_parts
from polytask.relate.group_value import GroupValue, Part
from polytask.relate.spectral_grouping import spectral_parts

__all__ = ["Grouping", "GroupingMethod", "group_tasks"]

GroupingMethod: TypeAlias = Literal["auto", "exact", "greedy", "spectral"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Which tasks each network learns, and which network answers each task.

    Args:
        groups: The tasks that each network trains, in the order in which they were given.
        served_by: For every task the index of the one group that answers it.
        gain: The predicted gain of every task in the group that serves it.
        cost: The summed cost of the groups.
        method: What found it: ``"exact"``, ``"greedy"`` or ``"spectral"``.
        unknown: The pairs ``(from, to)`` whose gain was NaN and counted as 0; ``(t, t)`` is a task alone.
    """

    groups: tuple[tuple[str, ...], ...]
    served_by: Mapping[str, int]
    gain: Mapping[str, float]
    cost: float
    method: str
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def total(self) -> float:
        """The predicted gain summed over tasks."""
        return sum(self.gain.values())

    def serves(self, index: int) -> tuple[str, ...]:
        """Return the tasks that a group answers; the others of the group only help it to learn."""
        return tuple(name for name in self.groups[index] if self.served_by[name] == index)


def group_tasks(
    gains: ArrayLike,
    names: Sequence[str],
    *,
    budget: float,
    method: GroupingMethod = "auto",
    costs: Callable[[tuple[str, ...]], float] | None = None,
    overlap: bool = False,
) -> Grouping:
    r"""Choose the groups of tasks with the largest total predicted gain that the budget allows.

    .. math:: \max_{\mathcal{G},\, s} \sum_t g\bigl(t \mid s(t)\bigr), \quad \sum_{G \in \mathcal{G}} c(G)
        \le B, \qquad g(t \mid G) = \frac{1}{|G| - 1} \sum_{u \in G \setminus t} A_{ut}, \quad
        g(t \mid \{t\}) = A_{tt}

    Every group is one network; task :math:`t` is answered by exactly one, :math:`s(t)`. The gain in a group
    is predicted from pairs alone, and the search is only as good as this prediction: where networks are to
    spare it picks pairs whose gains noise has raised, so that small differences of the total mean little.

    ``"exact"`` finds a best grouping by dynamic programming over subsets, for 12 tasks at most: 12 take about
    a second, two with ``overlap``, half a minute with uneven ``costs`` on top.
    ``"greedy"`` merges groups, from every task alone, then moves, swaps and merges tasks while that helps.
    ``"spectral"`` clusters the symmetrized, non-negative part of the gains, and keeps the best number of
    clusters within the budget. ``"auto"`` is exact up to 10 tasks and greedy beyond. Nothing is drawn at
    random.

    Args:
        gains: ``[from task, to task]``: what the column's task gains from training with the row's, more is
            better, and on the diagonal its gain when alone, 0 in most cases. Any unit. NaN stands for
            unknown, counts as 0, and is reported in `Grouping.unknown`.
        names: The tasks, in the order of rows and columns.
        budget: The largest sum of costs; without ``costs``, the largest number of networks. Fewer are used
            where that predicts more.
        method: How to search.
        costs: The cost of a network for a group of tasks, 0 or more; 1 each where None.
        overlap: Whether a task may also help in groups that do not serve it. It costs what ``costs`` says:
            with 1 each, help is free.

    Raises:
        InputError: Gains, names or budget do not fit, no grouping was found within the budget, or there are
            too many tasks for ``"exact"``.

    Example:
        >>> gains = [[0, 5, -1], [3, 0, -2], [1, 1, 0]]
        >>> found = group_tasks(gains, ["depth", "normals", "edges"], budget=2)
        >>> found.groups, found.total
        ((('depth', 'normals'), ('edges',)), 8.0)

    References:
        Trevor Standley, Amir Zamir, Dawn Chen, Leonidas Guibas, Jitendra Malik, Silvio Savarese, "Which
        Tasks Should Be Learned Together in Multi-task Learning?", ICML 2020, arXiv:1905.07553 (budget, tasks
        in several groups, gains of groups from those of pairs). Chris Fifty, Ehsan Amid, Zhe Zhao, Tianhe Yu,
        Rohan Anil, Chelsea Finn, "Efficiently Identifying Task Groupings for Multi-Task Learning", NeurIPS
        2021, arXiv:2109.04617 (the same search on affinities). Andrew Ng, Michael Jordan, Yair Weiss, "On
        Spectral Clustering: Analysis and an algorithm", NeurIPS 2001. Deviations: dynamic programming in
        place of their branch and bound, with the same optimum; the greedy search is our own; without
        ``overlap`` groups are disjoint; Ng et al. turn distances into affinities by a Gaussian kernel, here
        gains are affinities, those below 0 count as 0, and the clusters stay disjoint until help is added.
    """
    matrix, unknown = _matrix(gains, names)
    if method not in get_args(GroupingMethod):
        raise InputError(f"`method` is {method!r}; use one of {', '.join(get_args(GroupingMethod))}.")
    if not budget > 0:
        raise InputError(f"`budget` must be above 0, got {budget}.")
    if method == "exact" and len(names) > MOST_TASKS:
        raise InputError(
            f"'exact' takes up to {MOST_TASKS} tasks, got {len(names)}; use 'greedy' or 'spectral'."
        )
    if method == "auto":
        method = "exact" if len(names) <= 10 else "greedy"
    value = GroupValue(matrix, _cost(costs, names))
    search = {"exact": exact_parts, "greedy": greedy_parts, "spectral": spectral_parts}[method]
    parts = search(value, budget, overlap)
    if parts is None:
        raise InputError(
            f"The {method} search found no grouping within the budget of {budget}; raise it, or look at "
            "`costs`."
        )
    return _grouping(parts, value, names, method, unknown)


def _matrix(gains: ArrayLike, names: Sequence[str]) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    """Check the gains, and put 0 where they are unknown."""
    matrix = np.asarray(gains, dtype=float)  # [from task, to task]
    problems = []
    if not names:
        problems.append("there is no task")
    if len(set(names)) != len(names):
        problems.append(f"`names` repeats a name: {', '.join(names)}")
    if matrix.shape != (len(names), len(names)):
        problems.append(
            f"`gains` has shape {matrix.shape}, not ({len(names)}, {len(names)}) for {len(names)} names"
        )
    if np.isinf(matrix).any():
        problems.append("`gains` has infinite entries; use NaN for what is unknown")
    if problems:
        raise InputError("Grouping: " + "; ".join(problems) + ".")
    unknown = tuple((names[row], names[column]) for row, column in np.argwhere(np.isnan(matrix)).tolist())
    return np.nan_to_num(matrix, nan=0.0), unknown


def _cost(
    costs: Callable[[tuple[str, ...]], float] | None, names: Sequence[str]
) -> Callable[[frozenset[int]], float]:
    if costs is None:
        return lambda group: 1.0  # noqa: ARG005 - every network costs the same

    def cost(group: frozenset[int]) -> float:
        named = tuple(names[task] for task in sorted(group))
        found = float(costs(named))
        if not found >= 0:
            raise InputError(f"`costs` must give 0 or more, but gave {found} for {', '.join(named)}.")
        return found

    return cost


def _grouping(
    parts: Sequence[Part],
    value: GroupValue,
    names: Sequence[str],
    method: str,
    unknown: tuple[tuple[str, str], ...],
) -> Grouping:
    """Name the tasks; groups are ordered by the first task that they serve."""
    ordered = sorted(parts, key=lambda part: min(part.serves))
    served_by = {task: index for index, part in enumerate(ordered) for task in part.serves}
    return Grouping(
        groups=tuple(tuple(names[task] for task in sorted(part.group)) for part in ordered),
        served_by={name: served_by[task] for task, name in enumerate(names)},
        gain={name: value.of_task(task, ordered[served_by[task]].group) for task, name in enumerate(names)},
        cost=sum(value.cost(part.group) for part in ordered),
        method=method,
        unknown=unknown,
    )
