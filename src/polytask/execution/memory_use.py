"""How much memory a computation takes.

How it works. A dispatch mode sees every operation of torch that is run, on any device, and what it returns.
The storage of a returned tensor that is new, because no argument of the operation has it and it was not seen
before, is counted by its size, and a finalizer takes it off again when the last tensor on it is gone. The
most that was counted at one time is the peak. Views share a storage and so count once; what existed before
does not count at all. The workspace inside an operation is not seen.

Past a limit the mode raises an error out of the middle of the computation, which ends it.
"""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor

from polytask.core.torch_internals import TorchDispatchMode, leaves_of, storage_address

__all__ = ["peak_bytes"]


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
        >>> import torch
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
        existing = {storage_address(t) for t in leaves_of((args, kwargs)) if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in leaves_of(result):
            if isinstance(tensor, Tensor):
                self._count(tensor, existing)
        return result

    def _count(self, tensor: Tensor, existing: set[int]) -> None:
        storage = tensor.untyped_storage()
        key = storage_address(tensor)
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
