"""As many episodes at once as fit: a number of them, or what a memory budget allows.

How it works. Every chunk is run by `vmapped`, which takes its gradients and lets go of its activations before
the next one begins; so the memory of a step is that of one chunk, and a gradient for each episode.

With a budget, the number that fits is found by measuring (`peak_bytes`) on a copy of the learner, once for
every kind of episode: the memory of a chunk is taken for a part that it needs in any case and a part for each
episode, so that runs with one and with two tell both. A run that passes the budget is broken off. Episodes of
other sizes are taken to need more by the square of their numbers at most, as in attention; only where by this
estimate not all of them fit are they measured themselves.

A chunk of one needs no vmap: episodes run one after the other by ordinary autograd, which also does what vmap
has no rule for.
"""

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from polytask.core import Episode, EpisodeStack, EpisodicLearner, InputError
from polytask.core.memory_budget import free_bytes
from polytask.core.torch_internals import leaves_of
from polytask.execution.groups import (
    KnownGradients,
    as_tree,
    in_groups,
    one_by_one,
    run_one_by_one,
    signature,
)
from polytask.execution.memory_use import peak_bytes
from polytask.execution.vmap import vmapped

__all__ = ["Chunked"]


class Chunked:
    """Runs some equally shaped episodes at once, then the next; the gradient of each is taken as it is run.

    The gradients cannot be differentiated again; see `polytask.execution.run_vmap`.

    Args:
        chunk_size: Episodes at once; 1 runs one after the other, in the order given, without vmap. None means
            as many as fit into the memory budget.
        memory_budget: The budget in bytes for tensors made in a step; None is half of what is free at first.

    Raises:
        InputError: A number is below 1, or both are given.

    Example:
        >>> Chunked(memory_budget=2**30).costs
        {}
    """

    def __init__(self, chunk_size: int | None = None, *, memory_budget: int | None = None) -> None:
        for name, value in (("chunk_size", chunk_size), ("memory_budget", memory_budget)):
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1, got {value}.")
        if chunk_size is not None and memory_budget is not None:
            raise InputError("Give `chunk_size` or `memory_budget`, not both.")
        self.chunk_size = chunk_size
        self.memory_budget = memory_budget
        self.budget = memory_budget
        self.costs: dict[tuple[Any, ...], VmapCost] = {}
        """What was measured, by kind of episode."""

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        if self.chunk_size == 1:
            return run_one_by_one(learner, episodes)
        return in_groups(self._run, learner, episodes)

    def state_dict(self) -> dict[str, Any]:
        """Return the budget, in plain values; nothing before it is set."""
        return {} if self.budget is None else {"budget": self.budget}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the budget of another run; see `state_dict`."""
        self.budget = state.get("budget", self.budget)

    def fitting(self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack) -> int:
        """Return how many episodes of a group run at once, 1 or more."""
        if self.chunk_size is not None:
            return min(self.chunk_size, len(group))
        if self.budget is None:
            device = next(iter(parameters.values()), torch.zeros(0)).device
            self.budget = max(free_bytes(device) // 2, 1)
        # The gradients of all episodes are kept besides, whatever the chunks.
        allowed = self.budget - len(group) * sum(p.numel() * p.element_size() for p in parameters.values())
        key = (bool(parameters), learner.training, *signature(group))
        if key not in self.costs:
            estimates = [
                cost.at(_numbers(group)) for known, cost in self.costs.items() if known[:3] == key[:3]
            ]
            if any(cost.n_fitting(allowed, len(group)) == len(group) for cost in estimates):
                return len(group)
            self.costs[key] = _measured(learner, parameters, group, allowed)
        return self.costs[key].n_fitting(allowed, len(group))

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack
    ) -> KnownGradients | Tensor:
        n_fitting = self.fitting(learner, parameters, group)
        if n_fitting == 1:
            return one_by_one(learner, parameters, group)
        chunk_size = None if n_fitting == len(group) else n_fitting
        return vmapped(learner, parameters, group, chunk_size=chunk_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmapCost:
    """What episodes of one kind take when they run at once.

    Args:
        first: Bytes of one episode.
        further: Bytes of every other one.
        numbers: Numbers in the support and query of an episode.
    """

    first: int
    further: int
    numbers: int

    def n_fitting(self, memory_budget: int, n_episodes: int) -> int:
        """Return how many of so many episodes fit into so many bytes, 1 or more."""
        return max(1, min(n_episodes, 1 + (memory_budget - self.first) // max(self.further, 1)))

    def at(self, numbers: int) -> "VmapCost":
        """Return the most that episodes with so many numbers may take."""
        growth = max(1.0, (numbers / self.numbers) ** 2)
        return VmapCost(first=int(growth * self.first), further=int(growth * self.further), numbers=numbers)


def _measured(
    learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack, memory_budget: int
) -> VmapCost:
    """Run one episode, and two if these may fit; what does not is broken off."""
    copied = copy.deepcopy(learner)  # running statistics and the like stay as they are

    def peak(n_episodes: int) -> int:
        """Return the bytes of so many episodes; where that is more than there are, so many that none fits."""
        with torch.random.fork_rng():
            taken = peak_bytes(
                lambda: vmapped(copied, parameters, group[:n_episodes]), limit=max(memory_budget, 0)
            )
        return taken if taken <= memory_budget else sys.maxsize

    first = peak(1)
    further = peak(2) - first if 2 * first <= memory_budget else first
    return VmapCost(first=first, further=further, numbers=_numbers(group))


def _numbers(group: EpisodeStack) -> int:
    tensors = leaves_of((as_tree(group.support), as_tree(group.query)))
    return sum(tensor.numel() for tensor in tensors) // len(group)
