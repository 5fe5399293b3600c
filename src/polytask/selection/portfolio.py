"""A few configurations that together do well on all tasks seen so far."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.selection.first_choices import warm_start_order
from polytask.selection.run_log import RunLog

__all__ = ["Portfolio", "PortfolioJudgement", "greedy_portfolio", "judge_portfolio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """Configurations to try, in this order.

    Args:
        configurations: Their names.
        regrets: The mean over tasks of the least regret among the first, the first two, ...
    """

    configurations: tuple[str, ...]
    regrets: tuple[float, ...]


def greedy_portfolio(log: RunLog, *, size: int) -> Portfolio:
    r"""Build a portfolio greedily: each time add what lowers the mean least regret of the tasks most.

    With the regret :math:`r_{tc}` of configuration :math:`c` on task :math:`t`, 0 for the task's best run and
    1 for its worst,

    .. math:: L(P) = \frac{1}{T} \sum_t \min_{c \in P} r_{tc}

    is supermodular, and :math:`1 - L` of the greedy portfolio is at least :math:`1 - 1/e` times the most that
    any portfolio of its size has. Of equals, the configuration that was logged first is taken.

    Args:
        log: What was run; a missing run counts as the task's worst.
        size: Configurations to choose.

    Raises:
        InputError: The size is not between 1 and the number of configurations.

    Example:
        >>> log = RunLog(tasks=("a", "b", "c"), configurations=("x", "y", "z"), higher_is_better=False,
        ...              scores=torch.tensor([[0.0, 0.4, 1.0], [1.0, 0.4, 0.0], [1.0, 0.3, 0.0]]))
        >>> greedy_portfolio(log, size=2).configurations
        ('z', 'x')

    References:
        Feurer, Eggensperger, Falkner, Lindauer, Hutter. Auto-sklearn 2.0: Hands-free AutoML via
        Meta-Learning. JMLR 23, 2022, arXiv:2007.04074, whose portfolios are built so. Nemhauser, Wolsey,
        Fisher. An analysis of approximations for maximizing submodular set functions. 1978, for the bound.
        Differs: a missing run counts as the worst.
    """
    _check_size(log, size)
    order, regrets = _greedy(log.regrets(), size)
    return Portfolio(configurations=tuple(log.configurations[c] for c in order), regrets=tuple(regrets))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PortfolioJudgement:
    """Regrets of tasks on which a portfolio was not built, after each try; ``[task, try]`` each.

    Args:
        portfolio: Of the best among the first configurations of a greedy portfolio.
        best_fixed: Of the one configuration that is best on the other tasks, whatever the number of tries.
        random: Expected, of the best among configurations drawn at random without repetition.
        warm_start: Of the best among the first of a warm start; None for a log without meta-features.
    """

    portfolio: Tensor
    best_fixed: Tensor
    random: Tensor
    warm_start: Tensor | None


def judge_portfolio(log: RunLog, *, size: int, groups: Sequence[str] | None = None) -> PortfolioJudgement:
    """Leave out each task, build a portfolio from the others, and see what it costs there.

    All tries are supposed to be run, and the best of them known, as after a perfect validation. A missing run
    of the task left out counts as its worst.

    Args:
        log: What was run.
        size: Tries.
        groups: A name for every task; tasks of one group, such as targets of one table, are left out
            together. None leaves out each alone.

    Raises:
        InputError: There is one group only, not a group for every task, or the size is out of range.

    Example:
        >>> log = RunLog(tasks=("a", "b", "c"), configurations=("x", "y"), higher_is_better=False,
        ...              scores=torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> found = judge_portfolio(log, size=2)
        >>> found.portfolio.tolist()  # for c, the others' favourite is the wrong one
        [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    _check_size(log, size)
    names = tuple(log.tasks if groups is None else groups)
    if len(names) != len(log.tasks):
        raise InputError(f"`groups` must name a group for each of {len(log.tasks)} tasks, got {len(names)}.")
    if len(set(names)) < 2:
        raise InputError("Leaving out a group of tasks needs at least 2 groups, got 1.")
    regrets = log.regrets()

    def judge(order_of: Callable[[RunLog, int], list[int]]) -> Tensor:
        found = torch.empty(len(names), size, dtype=regrets.dtype)
        for row, name in enumerate(names):
            others = log.rows([other for other, group in enumerate(names) if group != name])
            order = order_of(others, row)
            found[row] = regrets[row, order].cummin(0).values.expand(size)
        return found

    features = log.features
    return PortfolioJudgement(
        portfolio=judge(lambda others, _: _greedy(others.regrets(), size)[0]),
        best_fixed=judge(lambda others, _: _greedy(others.regrets(), 1)[0]),
        random=_random_order(regrets, size),
        warm_start=None
        if features is None
        else judge(lambda others, row: warm_start_order(others, features[row], size)),
    )


def _check_size(log: RunLog, size: int) -> None:
    if not 1 <= size <= len(log.configurations):
        raise InputError(
            f"`size` must be between 1 and {len(log.configurations)} configurations, got {size}."
        )


def _greedy(regrets: Tensor, size: int) -> tuple[list[int], list[float]]:
    """Return the positions of the chosen configurations, and the mean regret after each."""
    least = torch.ones(len(regrets), 1, dtype=regrets.dtype)  # with nothing to try, the worst
    order: list[int] = []
    means: list[float] = []
    for _ in range(size):
        after = torch.minimum(least, regrets).mean(0)  # [configuration]
        after[order] = torch.inf
        order.append(int(after.argmin()))
        means.append(float(after[order[-1]]))
        least = torch.minimum(least, regrets[:, order[-1:]])
    return order, means


def _random_order(regrets: Tensor, size: int) -> Tensor:
    r"""Return the expected least of k regrets drawn without repetition, for k up to ``size``.

    .. math:: E \min = \sum_j r_{(j)} \binom{m - j}{k - 1} / \binom{m}{k}
    """
    n_all = regrets.shape[1]
    shares = [
        [math.comb(n_all - rank, n_drawn - 1) / math.comb(n_all, n_drawn) for rank in range(1, n_all + 1)]
        for n_drawn in range(1, size + 1)
    ]
    return regrets.sort(1).values @ torch.tensor(shares, dtype=regrets.dtype).T
