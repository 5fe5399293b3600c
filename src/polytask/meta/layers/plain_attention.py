"""Attention by torch's plain kernel: the fused ones have neither a second derivative nor a vmap."""

import contextlib
import os
import threading
from collections.abc import Iterator

from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["plain_attention"]


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Let torch compute `scaled_dot_product_attention` by matrix products inside the block.

    Which kernels torch may take is a setting of the whole process. So the first block that is entered, in
    whatever thread, makes the setting, and the last one that is left puts it back.

    Example:
        >>> with plain_attention():
        ...     pass
    """
    _blocks.enter()
    try:
        yield
    finally:
        _blocks.leave()


class _Blocks:
    """Counts the blocks that are open in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_thread: dict[int, int] = {}
        self.setting: contextlib.AbstractContextManager[object] | None = None

    def enter(self) -> None:
        with self.lock:
            if self.setting is None:
                self.setting = sdpa_kernel(SDPBackend.MATH)
                self.setting.__enter__()
            thread = threading.get_ident()
            self.by_thread[thread] = self.by_thread.get(thread, 0) + 1

    def leave(self) -> None:
        with self.lock:
            thread = threading.get_ident()
            self.by_thread[thread] -= 1
            if not self.by_thread[thread]:
                del self.by_thread[thread]
            self._put_back()

    def after_fork(self) -> None:
        """Forget the blocks of threads that a forked process does not have, and a lock that they may hold."""
        self.lock = threading.Lock()
        own = threading.get_ident()
        self.by_thread = {thread: count for thread, count in self.by_thread.items() if thread == own}
        self._put_back()

    def _put_back(self) -> None:
        if not self.by_thread and self.setting is not None:
            setting, self.setting = self.setting, None
            setting.__exit__(None, None, None)


_blocks = _Blocks()
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_blocks.after_fork)
