"""A setting of the whole process: made by the first block that needs it, given back by the last."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["ProcessSetting"]

Value = TypeVar("Value")


class ProcessSetting(Generic[Value]):
    """Counts the blocks, in whatever thread, inside which a setting of the process holds.

    The first block that is entered makes the setting, and the last one that is left gives back what was there
    before. A forked process forgets the blocks of threads that it does not have.

    Args:
        make: Returns the context manager that makes the setting and gives it back; maybe in another thread.

    Example:
        >>> @contextlib.contextmanager
        ... def spoken():
        ...     print("made")
        ...     yield "here"
        ...     print("given back")
        >>> setting = ProcessSetting(spoken)
        >>> with setting.block(), setting.block() as value:
        ...     print(value, setting.holds_here())
        made
        here True
        given back
        >>> setting.holds_here()
        False
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[Value]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._by_thread: dict[int, int] = {}
        self._made: tuple[contextlib.AbstractContextManager[Value], Value] | None = None
        if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
            os.register_at_fork(after_in_child=self._after_fork)

    @contextlib.contextmanager
    def block(self) -> Iterator[Value]:
        """Let the setting hold inside the block, which is given what the setting's context manager gives."""
        thread = threading.get_ident()
        with self._lock:
            if self._made is None:
                manager = self._make()
                self._made = manager, manager.__enter__()
            self._by_thread[thread] = self._by_thread.get(thread, 0) + 1
            value = self._made[1]
        try:
            yield value
        finally:
            with self._lock:
                self._by_thread[thread] -= 1
                if not self._by_thread[thread]:
                    del self._by_thread[thread]
                self._give_back()

    def holds_here(self) -> bool:
        """Tell whether a block of this thread is open."""
        return threading.get_ident() in self._by_thread

    def _give_back(self) -> None:
        if not self._by_thread and self._made is not None:
            (manager, _), self._made = self._made, None
            manager.__exit__(None, None, None)

    def _after_fork(self) -> None:
        """Forget the other threads' blocks, and a lock that one of them may hold."""
        self._lock = threading.Lock()
        own = threading.get_ident()
        self._by_thread = {thread: count for thread, count in self._by_thread.items() if thread == own}
        self._give_back()
