"""What every request passes: who asks, from where, how often and how much; and how it ends."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polytask.core import PolytaskError
from polytask.data.images.picture import printable
from polytask.serve.admission import check_request
from polytask.serve.failures import Refused, as_refused, failure_response, refused_by_system
from polytask.serve.service import Service

__all__ = ["Gate"]

_LOG = logging.getLogger("polytask.serve")
_UPLOADS = "/tables"
_PLAIN = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


class Gate:
    """Wraps the application.

    Args:
        app: The application.
        service: Returns the running service.
    """

    def __init__(self, app: ASGIApp, service: Callable[[], Service]) -> None:
        self._app, self._service = app, service
        self._open, self._held = 0, _Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service, request = self._service(), Request(scope)
        call = _Call(service, scope, receive, send, self._held)
        self._open += 1
        service.metrics.inside.inc()
        try:
            if self._open > service.limits.requests:
                raise Refused(503, "Too many requests are open.", remedy="Ask again later.", retry_after=1)
            check_request(request, service)
            await self._app(scope, call.receive, call.send)
        except Refused as refused:
            await call.refuse(refused)
        except PolytaskError as error:
            await call.refuse(as_refused(error))
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets a record, and the log has it
            _LOG.exception("request %s failed", call.id)
            failed = Refused(500, "The service failed.", remedy="Look into its log for this request.")
            await call.refuse(refused_by_system(error) or failed)
        finally:
            self._open -= 1
            call.leave()
            service.metrics.inside.dec()
            call.note()


class _Held:
    """Bytes of the bodies of all requests that are open."""

    n_bytes = 0


class _Call:
    """One request on its way: its body is counted, and what is sent gets headers and a number."""

    def __init__(self, service: Service, scope: Scope, receive: Receive, send: Send, held: _Held) -> None:
        self.id = secrets.token_hex(6)
        self._service, self._scope, self._receive, self._send = service, scope, receive, send
        self._began, self._seconds = time.perf_counter(), 0.0
        self._status, self._read, self._ended = 0, 0, False
        self._held = held
        uploads = scope["path"].rstrip("/") == _UPLOADS
        limits = service.limits
        self._most = limits.table_bytes if uploads else limits.body_bytes
        self._end = self._began + limits.upload_time

    async def receive(self) -> Message:
        """Pass a piece of the body on, as long as it is neither too much nor too slow."""
        if self._ended:
            return await self._receive()
        try:
            left = max(self._end - time.perf_counter(), 0.001)
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError as error:
            raise Refused(408, "The request came too slowly.", remedy="Send it again.") from error
        size = len(message.get("body", b""))
        self._read += size
        self._held.n_bytes += size
        if self._read > self._most:
            raise Refused(
                413, f"The request has more than {self._most / 2**20:g} MiB.", where="body",
                remedy="Send it in parts.",
            )  # fmt: skip
        if self._held.n_bytes > self._service.limits.held * 2**20:
            raise Refused(
                503, "All requests together are too large for now.", where="body",
                remedy="Send it again in a few seconds.", retry_after=2,
            )  # fmt: skip
        if not message.get("more_body"):
            self._ended = True  # what comes now is the end of the connection, for which one may wait
        return message

    def leave(self) -> None:
        """Count the body no more."""
        self._held.n_bytes -= self._read

    async def send(self, message: Message) -> None:
        """Pass an answer on, with headers that every answer has."""
        if message["type"] == "http.response.start":
            self._status, self._seconds = message["status"], time.perf_counter() - self._began
            given = {name.lower() for name, _ in message["headers"]}
            more = {**_PLAIN, "x-request-id": self.id}
            if b"content-security-policy" not in given:
                more["content-security-policy"] = _STRICT
            if b"cache-control" not in given:
                more["cache-control"] = "no-store"
            headers = [*message["headers"], *((n.encode(), v.encode()) for n, v in more.items())]
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refused: Refused) -> None:
        """Answer with a record of the failure, where nothing was answered yet."""
        if self._status:
            return
        where = f"{self._scope['method']} {printable(self._scope['path'])[:200]}"
        response = failure_response(refused, where=where, request_id=self.id)
        await response(self._scope, self._receive, self.send)

    def note(self) -> None:
        """Count the request, and write a line into the log."""
        metrics, method = self._service.metrics, str(self._scope["method"])
        route: Any = getattr(self._scope.get("route"), "path", "other")
        if method not in ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"):
            method = "other"
        metrics.requests.labels(method, route, str(self._status)).inc()
        metrics.seconds.labels(method, route).observe(self._seconds)
        if self._status in (401, 403, 408, 413, 421, 429, 503):
            metrics.refused.labels(str(self._status)).inc()
        client = (self._scope.get("client") or ("?",))[0]
        path = ascii(printable(self._scope["path"])[:200])[1:-1]
        seconds = 1000 * self._seconds
        _LOG.info("%s %s %s %s %d %.1f ms", self.id, client, method, path, self._status, seconds)
