"""A lock that threads and processes share, and that the system gives back when its holder dies."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a service has one worker
    fcntl = None

__all__ = ["held_lock"]

_WITHOUT: dict[Path, threading.Lock] = {}
_FIRST, _LONGEST = 0.001, 0.05  # seconds between two looks


@contextmanager
def held_lock(file: Path, patience: float) -> Iterator[bool]:
    """Hold a lock inside the block.

    Args:
        file: Its file; it stays, as a file that is removed may be locked by two at once.
        patience: Seconds to wait for it.

    Yields:
        Whether it was got in time.
    """
    if fcntl is None:
        lock = _WITHOUT.setdefault(file, threading.Lock())
        held = lock.acquire(timeout=patience)
        try:
            yield held
        finally:
            if held:
                lock.release()
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)  # each one of its own, so threads count, too
    try:
        yield _acquired(descriptor, patience)
    finally:
        os.close(descriptor)


def _acquired(descriptor: int, patience: float) -> bool:
    if fcntl is None:
        return False
    end, pause = time.monotonic() + patience, _FIRST
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
