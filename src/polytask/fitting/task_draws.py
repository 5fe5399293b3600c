r"""Draw the rows of batches so that each task of a task column has its share of them.

The share :math:`p_t` of task :math:`t` is that of a law by numbers of labelled rows
(`polytask.data.steps.sampling_law`), or in proportion to what it counts by loss or progress
(`polytask.fitting.target_curriculum`). Among :math:`N` rows of an epoch a task
has :math:`N p_t`, rounded up or down at random such that the mean is exact (systematic sampling), in random
order; in round robin the tasks have their turns in order instead. Within an epoch no row of a task comes
twice before all of them came once. Every network has a stream of its own, over the tasks that it is trained
on, and what an epoch draws hangs on seed, epoch, network and the held-out losses before it, on nothing else:
so a training that is resumed goes on alike.

References:
    William G. Madow, "On the Theory of Systematic Sampling, II", Annals of Mathematical Statistics 1949.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from polytask.core.random import numpy_generator
from polytask.data.steps.sampling_law import USUAL_TEMPERATURE, sampling_shares
from polytask.fitting.target_curriculum import CURRICULA, curriculum_shares

__all__ = ["DrawnRows", "TaskDraws"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskDraws:
    """By which law rows are drawn.

    Args:
        law: One of `SAMPLING_LAWS` or of `CURRICULA`.
        task: The task of each row, long ``[row]``, from 0 on without a gap.
        numbers: What each of these tasks is called elsewhere, long ``[task]``.
        temperature: Of that law.
    """

    law: str
    task: Tensor
    numbers: Tensor
    temperature: float = USUAL_TEMPERATURE

    @property
    def n_tasks(self) -> int:
        """How many tasks there are."""
        return len(self.numbers)

    @property
    def follows(self) -> bool:
        """Whether shares follow from losses."""
        return self.law in CURRICULA

    def only(self, rows: Tensor) -> Self:
        """Keep some rows, long ``[row]``, and the tasks that they belong to."""
        left, task = torch.unique(self.task[rows], return_inverse=True)
        return type(self)(law=self.law, task=task, numbers=self.numbers[left], temperature=self.temperature)

    def shares(self, counts: np.ndarray, curve: Sequence[Tensor]) -> np.ndarray:
        """Return the share of each task in what a network draws, float64 ``[task]``, of sum 1.

        Args:
            counts: Training rows of each; a task without any has no share.
            curve: The mean held-out losses of the tasks after each epoch so far, ``[task]``.
        """
        there, shares = counts > 0, np.zeros(len(counts))
        if not self.follows:
            shares[there] = sampling_shares(counts[there], self.law, self.temperature)
            return shares
        wanted = curriculum_shares(self.law, curve).numpy() if curve else np.ones(len(counts))
        shares[there] = wanted[there]
        return shares / shares.sum()


class DrawnRows:
    """The rows that each network draws, epoch by epoch.

    Args:
        draws: By which law.
        train: The training rows of each network, long ``[row]``.
        n_drawn: How many rows a network draws in an epoch.
        seed: Decides the draws.

    Attributes:
        drawn: How often each task was drawn so far, by all networks, int64 ``[task]``.

    Example:
        >>> draws = TaskDraws(law="round-robin", task=torch.tensor([0, 0, 0, 1]), numbers=torch.arange(2))
        >>> rows = DrawnRows(draws, [torch.arange(4)], n_drawn=6, seed=0)
        >>> draws.task[rows.epoch(0, [])[0]].tolist(), rows.drawn.tolist()
        ([0, 1, 0, 1, 0, 1], [3, 3])
    """

    def __init__(self, draws: TaskDraws, train: Sequence[Tensor], *, n_drawn: int, seed: int) -> None:
        self.draws, self.n_drawn, self.seed = draws, n_drawn, seed
        task = draws.task.numpy()
        self.rows = [rows.numpy() for rows in train]
        self.tasks = [task[rows] for rows in self.rows]
        self.counts = [np.bincount(tasks, minlength=draws.n_tasks) for tasks in self.tasks]
        self.drawn = torch.zeros(draws.n_tasks, dtype=torch.long)

    def epoch(self, epoch: int, curve: Sequence[Tensor]) -> Tensor:
        """Draw the rows of an epoch, long ``[network, drawn row]``.

        Args:
            epoch: Its index.
            curve: The mean held-out losses of the tasks after each epoch before it, ``[task]``.
        """
        found = [self._of_network(network, epoch, curve) for network in range(len(self.rows))]
        return torch.from_numpy(np.stack(found))

    def _of_network(self, network: int, epoch: int, curve: Sequence[Tensor]) -> np.ndarray:
        numbers = numpy_generator(self.seed, "draws", epoch, network)
        counts = self.counts[network]
        if self.draws.law == "round-robin":
            there = np.flatnonzero(counts)
            tasks = there[(epoch * self.n_drawn + np.arange(self.n_drawn)) % len(there)]  # [drawn row]
        else:
            mixed = numbers.permutation(len(counts))  # neighbours would exclude each other
            drawn = _systematic(self.draws.shares(counts, curve)[mixed], self.n_drawn, numbers)
            tasks = numbers.permutation(mixed[drawn])
        self.drawn += torch.from_numpy(np.bincount(tasks, minlength=len(counts)))
        # The rows of each task in an order of their own, side by side; then the next one of each, in turn.
        order = np.lexsort((numbers.random(len(self.rows[network])), self.tasks[network]))
        starts = np.cumsum(counts) - counts
        return self.rows[network][order[starts[tasks] + _occurrence(tasks) % counts[tasks]]]


def _systematic(shares: np.ndarray, n_drawn: int, numbers: np.random.Generator) -> np.ndarray:
    """Return so many items, in ascending order: each as often as its share says, rounded up or down."""
    ends = shares.cumsum()
    ends[-1] = 1.0
    last = np.flatnonzero(shares)[-1]
    points = (np.arange(n_drawn) + numbers.random()) / n_drawn
    return np.searchsorted(ends, points, side="right").clip(max=last)


def _occurrence(values: np.ndarray) -> np.ndarray:
    """Return of each value how many like it came before.

    Example:
        >>> _occurrence(np.array([3, 1, 3, 3, 1])).tolist()
        [0, 0, 1, 2, 1]
    """
    order = values.argsort(kind="stable")
    ordered = values[order]
    starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
    lengths = np.diff(np.r_[starts, len(values)])
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return found
