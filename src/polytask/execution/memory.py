"""How much memory a computation takes, and how many episodes fit."""

import copy
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from polytask.core import Episode, EpisodicLearner, InputError, free_bytes
from polytask.execution.grouped import EpisodeGroup, Found, in_groups, one_by_one, vmapped

__all__ = ["FittedVmap", "peak_bytes"]


def peak_bytes(run: Callable[[], object], *, limit: int | None = None) -> int:
    """Run a function and return the most memory that tensors made in it took at one time.

    Counted are the storages of what torch's operations return, on any device; the workspace inside an
    operation is not seen, nor is what existed before.

    Args:
        run: Called once.
        limit: Where it takes more bytes than this, it is broken off.

    Returns:
        Bytes; more than the limit, but not how many, where it was broken off.

    Example:
        >>> def build():
        ...     first = torch.zeros(250)  # 1,000 bytes
        ...     del first
        ...     return torch.zeros(100)
        >>> peak_bytes(build)
        1000
    """
    live = _LiveStorages(limit)
    try:
        with live:
            run()
    except _LimitPassedError:
        pass
    return live.peak


class FittedVmap:
    """Runs as many episodes at once as fit into a memory budget; see `polytask.execution.run_vmap`.

    Where two do not fit, they run one after the other, without vmap, as by `polytask.execution.run_each`.

    What an episode takes is measured on the first step: memory is a part for all and a part for each. For
    episodes of other sizes it is taken to grow with the square of their numbers at most, as in attention, and
    is measured only where by this estimate not all would fit.

    Args:
        memory: The budget in bytes for tensors made in a step; None is half of what is free at first.

    Raises:
        InputError: The budget is not positive.

    Example:
        >>> FittedVmap(memory=2**30).costs
        {}
    """

    def __init__(self, memory: int | None = None) -> None:
        if memory is not None and memory < 1:
            raise InputError(f"`memory` must be a positive number of bytes, got {memory}.")
        self.memory = memory
        self.costs: dict[tuple[Any, ...], VmapCost] = {}
        """What was measured, by kind of episode."""

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        return in_groups(self._run, learner, episodes)

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup
    ) -> Found | Tensor:
        n_fitting = self.fitting(learner, parameters, group)
        if n_fitting == 1:
            return one_by_one(learner, parameters, group)
        chunk_size = None if n_fitting == len(group) else n_fitting
        return vmapped(learner, parameters, group, chunk_size=chunk_size)

    def fitting(self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup) -> int:
        """Return how many episodes of a group fit at once, 1 or more."""
        if self.memory is None:
            device = next(iter(parameters.values()), torch.zeros(0)).device
            self.memory = max(free_bytes(device) // 2, 1)
        # The gradients of all episodes are kept besides, whatever the chunks.
        kept = len(group) * sum(p.numel() * p.element_size() for p in parameters.values())
        key = (bool(parameters), learner.training, *group.signature)
        if key not in self.costs:
            estimates = [
                cost.at(_numbers(group)) for known, cost in self.costs.items() if known[:3] == key[:3]
            ]
            if any(cost.n_fitting(self.memory - kept, len(group)) == len(group) for cost in estimates):
                return len(group)
            self.costs[key] = _measured(learner, parameters, group, self.memory - kept)
        return self.costs[key].n_fitting(self.memory - kept, len(group))


@dataclass(frozen=True, slots=True, kw_only=True)
class VmapCost:
    """What episodes of one kind take when they run at once.

    Args:
        first: Bytes of one episode.
        each: Bytes of every other one.
        numbers: Numbers in the support and query of an episode.
    """

    first: int
    each: int
    numbers: int

    def n_fitting(self, memory: int, n_episodes: int) -> int:
        """Return how many of so many episodes fit into so many bytes, 1 or more."""
        return max(1, min(n_episodes, 1 + (memory - self.first) // max(self.each, 1)))

    def at(self, numbers: int) -> "VmapCost":
        """Return the most that episodes with so many numbers may take."""
        growth = max(1.0, (numbers / self.numbers) ** 2)
        return VmapCost(first=int(growth * self.first), each=int(growth * self.each), numbers=numbers)


def _measured(
    learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup, memory: int
) -> VmapCost:
    """Run one episode, and two if these may fit; what does not is broken off."""
    copied = copy.deepcopy(learner)  # running statistics and the like stay as they are

    def peak(n_episodes: int) -> int:
        """Return the bytes of so many episodes; where that is more than there are, so many that none fits."""
        with torch.random.fork_rng():
            found = peak_bytes(
                lambda: vmapped(copied, parameters, group.part(slice(n_episodes))), limit=max(memory, 0)
            )
        return found if found <= memory else sys.maxsize

    first = peak(1)
    each = peak(2) - first if 2 * first <= memory else first
    return VmapCost(first=first, each=each, numbers=_numbers(group))


def _numbers(group: EpisodeGroup) -> int:
    tensors = pytree.tree_leaves((group.support, group.query))
    return sum(tensor.numel() for tensor in tensors) // len(group)


class _LimitPassedError(Exception):
    """More memory was taken than allowed."""


class _LiveStorages(TorchDispatchMode):
    """Counts the bytes of storages that are alive, by what operations return."""

    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self.limit = limit
        self.sizes: dict[int, int] = {}
        self.now = 0
        self.peak = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        existing = {
            t.untyped_storage()._cdata for t in pytree.tree_leaves((args, kwargs)) if isinstance(t, Tensor)
        }
        found = func(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(found):
            if isinstance(tensor, Tensor):
                self._count(tensor, existing)
        return found

    def _count(self, tensor: Tensor, existing: set[int]) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.sizes or key in existing:
            return
        self.sizes[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key)
        if self.limit is not None and self.now > self.limit:
            raise _LimitPassedError

    def _free(self, key: int) -> None:
        self.now -= self.sizes.pop(key, 0)
