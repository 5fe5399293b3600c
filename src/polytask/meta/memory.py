"""How much memory a computation takes, and how many episodes fit."""

import copy
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from polytask.core import Episode, EpisodicLearner, InputError
from polytask.meta.batched import EpisodeGroup, Found, in_groups, vmapped

__all__ = ["FittedVmap", "available_bytes", "peak_bytes"]


def peak_bytes(run: Callable[[], object]) -> int:
    """Run a function and return the most memory that tensors made in it took at one time.

    Counted are the storages of what torch's operations return, on any device; the workspace inside an
    operation is not seen, nor is what existed before.

    Args:
        run: Called once.

    Returns:
        Bytes.

    Example:
        >>> def build():
        ...     first = torch.zeros(250)  # 1,000 bytes
        ...     del first
        ...     return torch.zeros(100)
        >>> peak_bytes(build)
        1000
    """
    with _LiveStorages() as live:
        run()
    return live.peak


def available_bytes(device: torch.device) -> int:
    """Return the free memory of a device; where the system does not tell, 4 GiB.

    Example:
        >>> available_bytes(torch.device("cpu")) > 0
        True
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 4 * 2**30


class FittedVmap:
    """Runs as many episodes at once as fit into a memory budget; see `polytask.meta.run_vmap`.

    What one and two episodes take is measured once for every kind of episode, and the rest follows: memory
    is a part for all and a part for each.

    Args:
        memory: The budget in bytes for tensors made in a step; None is half of what is free at first.

    Raises:
        InputError: The budget is not positive.

    Example:
        >>> FittedVmap(memory=2**30).chunk_sizes
        {}
    """

    def __init__(self, memory: int | None = None) -> None:
        if memory is not None and memory < 1:
            raise InputError(f"`memory` must be a positive number of bytes, got {memory}.")
        self.memory = memory
        self.chunk_sizes: dict[tuple[Any, ...], int] = {}

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        return in_groups(self._run, learner, episodes)

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup
    ) -> Found | Tensor:
        key = (bool(parameters), learner.training, *group.signature)
        if key not in self.chunk_sizes:
            self.chunk_sizes[key] = self.fitting(learner, parameters, group)
        chunk_size = min(self.chunk_sizes[key], len(group))
        return vmapped(
            learner, parameters, group, chunk_size=None if chunk_size == len(group) else chunk_size
        )

    def fitting(self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup) -> int:
        """Return how many episodes of a group fit at once, 1 or more."""
        if self.memory is None:
            device = next(iter(parameters.values()), torch.zeros(0)).device
            self.memory = max(available_bytes(device) // 2, 1)
        copied = copy.deepcopy(learner)  # running statistics and the like stay as they are
        with torch.random.fork_rng():
            one, two = (
                peak_bytes(lambda n=n: vmapped(copied, parameters, group.part(slice(n)))) for n in (1, 2)
            )
        each = max(two - one, 1)
        # The gradients of all episodes are kept besides, whatever the chunks.
        kept = len(group) * sum(p.numel() * p.element_size() for p in parameters.values())
        return max(1, min(len(group), 1 + (self.memory - kept - one) // each))


class _LiveStorages(TorchDispatchMode):
    """Counts the bytes of storages that are alive, by what operations return."""

    def __init__(self) -> None:
        super().__init__()
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

    def _free(self, key: int) -> None:
        self.now -= self.sizes.pop(key, 0)
