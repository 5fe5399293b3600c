"""How often a client asks, counted over all workers of a service.

One number a client is enough: the time at which its next request would be due if its requests came evenly
(the generic cell rate algorithm of the ATM Forum, 1996). The numbers stand in a file that all workers map
into their memory, so that its size is fixed however many clients there are; a client's slot is a keyed hash
of its address.
"""

import hashlib
import mmap
import os
import secrets
import struct
import threading
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a service has one worker
    fcntl = None

__all__ = ["ClientRates"]

_SLOTS = 2**16
_KEY_SIZE = 16
_SIZE = _KEY_SIZE + 8 * _SLOTS


class ClientRates:
    """Tells for each request of a client whether it comes too early.

    Args:
        file: What workers share; it is made where it is missing.
        per_minute: Requests a minute; they may come all at once. 0 for any number.
    """

    def __init__(self, file: Path, per_minute: int) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._lock = threading.Lock()
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._hold()
        try:
            if os.fstat(self._descriptor).st_size < _SIZE:
                os.pwrite(self._descriptor, secrets.token_bytes(_KEY_SIZE), 0)
                os.ftruncate(self._descriptor, _SIZE)
        finally:
            self._leave()
        self._slots = mmap.mmap(self._descriptor, _SIZE)
        self._key = bytes(self._slots[:_KEY_SIZE])

    def wait(self, client: str, *, now: float | None = None) -> float:
        """Count a request; return 0, or the seconds after which it may come, and then it is not counted."""
        if not self._interval:
            return 0.0
        now = time.time() if now is None else now
        digest = hashlib.blake2b(client.encode(errors="replace"), key=self._key, digest_size=4).digest()
        at = _KEY_SIZE + 8 * (int.from_bytes(digest) % _SLOTS)
        self._hold()
        try:
            (due,) = struct.unpack_from("d", self._slots, at)
            due = max(now, min(due, now + 60))  # a clock that was put back locks nobody out
            early = due + self._interval - now - 60
            if early > 1e-9:
                return early
            struct.pack_into("d", self._slots, at, due + self._interval)
            return 0.0
        finally:
            self._leave()

    def close(self) -> None:
        """Give the file back."""
        self._slots.close()
        os.close(self._descriptor)

    def _hold(self) -> None:
        self._lock.acquire()
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def _leave(self) -> None:
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._lock.release()
