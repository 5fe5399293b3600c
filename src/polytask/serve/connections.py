"""Connections whose clients are slow: so many of them would leave no room for others.

The gate ends a request whose body does not come. Before it, a connection may say nothing, or never end the
head of its request; after it, a client may not take its answer. Both are closed here.
"""

import asyncio
import struct
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None

__all__ = ["PatientProtocol"]

_Protocol: Any = AutoHTTPProtocol  # of which there are several, chosen by what is installed


class PatientProtocol(_Protocol):
    """HTTP as uvicorn speaks it, with an end to waiting."""

    seconds = 30.0
    """How long the head of a request may take, and an answer of which nothing is taken."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for the first request."""
        self._head: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._head = _cancelled(self._head)
        self._answer = _cancelled(self._answer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read; what begins a request has to end its head in time."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head = _cancelled(self._head)
        elif self._head is None:
            self._await_head()

    def pause_writing(self) -> None:
        """Note that the client does not take what is sent as fast as it comes."""
        super().pause_writing()
        self._answer = _cancelled(self._answer)
        self._await_answer(self._left())

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._answer = _cancelled(self._answer)
        super().resume_writing()

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.seconds, self.transport.close)

    def _await_answer(self, before: int) -> None:
        """Look again later: a client that takes its time is served, one that takes nothing is not."""

        def look() -> None:
            left = self._left()
            if left >= before:
                self.transport.abort()
            else:
                self._await_answer(left)

        self._answer = self.loop.call_later(self.seconds, look)

    def _left(self) -> int:
        """Return the bytes that wait here, and in the system until the client has said that it has them."""
        left = self.transport.get_write_buffer_size()
        connected = self.transport.get_extra_info("socket")
        if fcntl is None or termios is None or connected is None:
            return left
        with suppress(OSError):  # it is closed, or the system cannot tell
            (waiting,) = struct.unpack("i", fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, b"\0" * 4))
            left += waiting
        return left


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
