"""Slow clients: who says nothing, or takes nothing, is let go; who takes a while is served."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from polytask.serve.connections import PatientProtocol

_SECONDS = 0.3
_SIZE = 16 * 2**20


class Hasty(PatientProtocol):
    seconds = _SECONDS


async def application(scope, receive, send) -> None:
    assert scope["type"] == "http"
    size = int(scope["path"].strip("/") or 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    await send({"type": "http.response.body", "body": bytes(size)})


@pytest.fixture
def server() -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(application, port=0, http=Hasty, lifespan="off", log_level="error", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield running
    running.should_exit = True
    thread.join(10)


def connected(server: uvicorn.Server) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
    client.settimeout(20)
    client.connect(server.servers[0].sockets[0].getsockname())
    return client


def is_let_go(client: socket.socket) -> bool:
    """Tell whether the other side closes the connection, without having said more."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def answer(client: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        found += client.recv(2**16)
    return found


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"G", REQUEST[:-2]])
def test_a_head_that_does_not_end_is_not_waited_for(server: uvicorn.Server, said: bytes) -> None:
    with connected(server) as client:
        client.sendall(said)
        assert is_let_go(client)


def test_nor_is_that_of_a_second_request(server: uvicorn.Server) -> None:
    with connected(server) as client:
        client.sendall(REQUEST)
        assert answer(client).startswith(b"HTTP/1.1 200")
        client.sendall(REQUEST[:7])
        assert is_let_go(client)


def test_a_client_may_think_between_requests(server: uvicorn.Server) -> None:
    with connected(server) as client:
        for pause in (0, 2 * _SECONDS):
            time.sleep(pause)
            client.sendall(REQUEST)
            assert answer(client).startswith(b"HTTP/1.1 200")


def test_a_client_that_takes_nothing_of_its_answer_is_let_go(server: uvicorn.Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % _SIZE)
        end = time.monotonic() + 20
        while time.monotonic() < end and not server.server_state.connections:
            time.sleep(0.01)
        while time.monotonic() < end and server.server_state.connections:
            time.sleep(0.01)
        assert not server.server_state.connections


def test_a_client_that_takes_its_answer_slowly_has_all_of_it(server: uvicorn.Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % _SIZE)
        taken, began = 0, time.monotonic()
        while taken < _SIZE:
            piece = client.recv(2**18)
            assert piece
            taken += len(piece)
            if time.monotonic() - began < 3.5 * _SECONDS:
                time.sleep(_SECONDS / 6)
        assert time.monotonic() - began > 3 * _SECONDS
