"""Work that takes a processor: a few threads, and a queue that is never longer than stated."""

import asyncio
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from polytask.core import DataWarning
from polytask.serve.failures import Refused

__all__ = ["WorkPool", "taken_notes"]

Result = TypeVar("Result")

_NOTES: ContextVar[list[str] | None] = ContextVar("notes of the request", default=None)


class WorkPool:
    """Runs what blocks in threads, each of which lets torch use one thread.

    Args:
        threads: How many.
        queue: How many calls may wait for one.
        patience: Seconds that a call waits at most.
    """

    def __init__(self, threads: int, *, queue: int, patience: float) -> None:
        self._most, self._patience = threads + queue, patience
        self._inside, self._lock = 0, threading.Lock()
        self._executor = ThreadPoolExecutor(threads, "polytask-serve", initializer=_prepare_thread)

    @property
    def inside(self) -> int:
        """Calls that run or wait."""
        return self._inside

    async def run(self, call: Callable[..., Result], *given: Any, **named: Any) -> Result:
        """Run a call in a thread, and wait for what it returns.

        Raises:
            Refused: Too many wait already, or it had to wait for too long.
        """
        with self._lock:
            if self._inside >= self._most:
                raise _busy()
            self._inside += 1
        try:
            future = self._executor.submit(copy_context().run, call, *given, **named)
        except RuntimeError as error:  # the service is being stopped
            self._left()
            raise _busy() from error
        future.add_done_callback(self._left)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._patience, future.cancel)  # which does nothing once it runs
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except (asyncio.CancelledError, CancelledError):
            if future.cancelled():
                raise _busy() from None
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        """Let running calls end, and drop those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _left(self, _: object = None) -> None:
        with self._lock:
            self._inside -= 1


def _busy() -> Refused:
    return Refused(
        503,
        "The service has more to do than it can.",
        remedy="Ask again in a few seconds, or start more workers.",
        retry_after=2,
    )


def _prepare_thread() -> None:
    import torch

    torch.set_num_threads(1)  # torch keeps one number for every thread


class taken_notes:  # noqa: N801 - a context manager is used like a function
    """Take the warnings about data that a block of this thread gives, and give them as sentences.

    `warnings.catch_warnings` changes the whole process; here each request has its own list.
    """

    def __enter__(self) -> list[str]:
        if warnings.showwarning is not _show:
            _BEFORE[0] = warnings.showwarning
            warnings.showwarning = _show
            warnings.simplefilter("always", DataWarning)
        notes: list[str] = []
        self._token = _NOTES.set(notes)
        return notes

    def __exit__(self, *_: object) -> None:
        _NOTES.reset(self._token)


_BEFORE: list[Any] = [warnings.showwarning]


def _show(message: Warning | str, category: type[Warning], *place: Any, **named: Any) -> None:
    notes = _NOTES.get()
    if notes is None or not issubclass(category, DataWarning):
        _BEFORE[0](message, category, *place, **named)
    elif str(message) not in notes:
        notes.append(str(message))
