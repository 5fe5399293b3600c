"""Claims on cells: one process at a time works on a cell, and one that dies leaves its cell free.

A claim is a locked file. The system drops the lock with the process, however it ends, so that there is no
guess about whether a claim is stale. Who holds it stands in the file, for people. Processes on several
machines need a shared disk that passes locks on (NFS does).
"""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polytask.core import InputError
from polytask.core.files import fenced

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["claimed"]

_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def claimed(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Claim what a file stands for inside the block; it yields False where a living process holds the claim.

    Args:
        path: The file of the claim; its folder has to be there. It is removed afterwards.
        wait: Wait until the other one is ready.

    Raises:
        InputError: The file cannot be made or written, or the disk has no locks.
    """
    descriptor = _locked(path, wait=wait)
    if descriptor is None:
        yield False
        return
    try:
        holder = {"host": socket.gethostname(), "process": os.getpid()}
        with fenced(path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(holder).encode())
        yield True
    finally:
        if fcntl is not None:
            path.unlink(missing_ok=True)  # while it is held: whoever has opened it sees that it is gone
        os.close(descriptor)
        if fcntl is None:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _locked(path: Path, *, wait: bool) -> int | None:
    """Open and lock the file; None where somebody else has."""
    while True:
        with fenced(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _lock(descriptor, wait=wait):
                os.close(descriptor)
                return None
        except OSError as error:
            os.close(descriptor)
            raise InputError(
                f"{path} cannot be locked: {error.strerror or error}. Choose a folder on a disk that has "
                "file locks."
            ) from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # removed by the one who held it before


def _lock(descriptor: int, *, wait: bool) -> bool:
    if fcntl is None:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True
