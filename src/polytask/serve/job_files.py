"""The files of a fit that runs as a process of its own, and the lock that tells whether it lives."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: a fit is watched by the worker that started it alone
    fcntl = None

__all__ = ["ASKED", "LOCK", "STATE", "STOP", "is_held", "open_held"]

ASKED, STATE, STOP, LOCK = "asked.json", "state.json", "stop", "lock"


def open_held(file: Path) -> int:
    """Open and lock a file; a process that inherits the descriptor holds the lock as long as it lives."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def is_held(folder: Path) -> bool:
    """Tell whether the process of a job lives."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
