"""The gate: sizes and times of requests, what a failure tells, and what the log says."""

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import Start

from polytask.core import InputError
from polytask.serve import Limits, ServeSettings, create_app

JSON = {"content-type": "application/json"}


def test_a_large_body_is_refused_whether_or_not_it_says_how_large_it_is(start: Start):
    client = start(limits={"body": 0.01})

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    for content in (b" " * 100_000, pieces()):
        answer = client.post("/models/texts/predict", content=content, headers=JSON)
        assert answer.status_code == 413
        assert answer.json()["error"]["where"] == "body"


def test_a_table_may_be_larger_than_other_requests(start: Start):
    client = start(limits={"body": 0.01, "table": 0.05})
    table = "a,b\n" + "1,2\n" * 5000
    csv = {"content-type": "text/csv"}
    assert client.post("/tables", content=table, headers=csv).status_code == 201
    assert client.post("/tables", content=3 * table, headers=csv).status_code == 413


def test_all_bodies_together_are_limited_and_count_no_more_once_they_are_answered(start: Start):
    client = start(limits={"body": 1, "held": 0.01})
    for _ in range(3):
        answer = client.post("/models/texts/predict", content=b" " * 20_000, headers=JSON)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        for _ in range(3):
            small = client.post("/models/texts/predict", content=b" " * 9_000, headers=JSON)
            assert small.status_code == 422


def test_a_request_that_comes_too_slowly_is_ended(tmp_path):
    settings = ServeSettings(
        store=str(tmp_path / "s"), runtime=str(tmp_path / "r"), limits=Limits(rate=0, upload_time=0.1)
    )
    app = create_app(settings)
    sent: list[dict] = []

    async def receive() -> dict:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/models/texts/predict", "raw_path": b"/models/texts/predict", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("1.2.3.4", 5), "server": ("localhost", 80), "root_path": "", "app": app, "state": {},
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 4))  # pyright: ignore[reportArgumentType]
    app.state.service.close()
    assert sent[0]["status"] == 408


def test_only_so_many_requests_are_open_at_once(tmp_path, monkeypatch):
    settings = ServeSettings(
        store=str(tmp_path / "s"), runtime=str(tmp_path / "r"), limits=Limits(rate=0, requests=3)
    )
    app = create_app(settings)

    async def slow(*_: object) -> list[str]:
        await asyncio.sleep(0.2)
        return []

    monkeypatch.setattr(app.state.service.work, "run", slow)

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            found = await asyncio.gather(*(client.get("/health") for _ in range(5)))
        return sorted(one.status_code for one in found)

    assert asyncio.run(run()) == [200, 200, 200, 503, 503]
    app.state.service.close()


def test_what_nobody_expected_is_a_record_without_a_traceback_and_the_log_names_the_request(
    client: TestClient, monkeypatch, caplog
):
    def broken(_: str) -> None:
        raise ZeroDivisionError("secret of the machine")

    monkeypatch.setattr(client.app.state.service.shelf, "get", broken)
    with caplog.at_level(logging.INFO, "polytask.serve"):
        answer = client.get("/models/drawings")
    assert answer.status_code == 500
    assert set(answer.json()["error"]) == {"what", "where", "remedy", "request"}
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    told = [record for record in caplog.records if answer.json()["error"]["request"] in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR", "INFO"]
    assert told[0].exc_info is not None


def test_the_log_has_one_line_a_request_whatever_its_path_holds(client: TestClient, caplog):
    with caplog.at_level(logging.INFO, "polytask.serve"):
        client.get("/models/a%0Ab%1B[31m")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    assert "\x1b" not in line
    assert " 404 " in line


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "no JSON"),
        (b'{"a": 1, "a": 2}', "application/json", 400, "twice"),
        (b'{"vectors": [[NaN]]}', "application/json", 400, "no JSON"),
        (b"[" * 100_000, "application/json", 400, "no JSON"),
        (b"\xff\xfe", "application/json", 400, "no JSON"),
        (b"[]", "application/json", 422, "list"),
        (b"", "application/json", 422, "nothing"),
        (b'{"texts": "a"}', "application/json", 422, "list"),
        (b'{"nix": 1}', "application/json", 422, "no field 'nix'"),
        (b"a", "image/png", 415, "does not read"),
        (b"--x\r\n", "multipart/form-data; boundary=y", 400, "form"),
        (b"x", "multipart/form-data", 400, "form"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_record(client: TestClient, content, kind, status, words):
    answer = client.post("/models/texts/predict", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]["what"]


def test_every_answer_has_headers_that_keep_browsers_careful(client: TestClient):
    for path in ("/models", "/nothing", "/docs", "/metrics"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert client.get("/models").headers["cache-control"] == "no-store"


def test_requests_refusals_and_changes_are_counted(start: Start):
    client = start(limits={"body": 0.001})
    client.get("/models/nothing")
    client.post("/models/texts/predict", content=b" " * 5000, headers=JSON)
    told = client.get("/metrics").text
    assert 'polytask_requests_total{method="GET",route="/models/{name}",status="404"} 1.0' in told
    assert 'polytask_refused_total{status="413"} 1.0' in told
    assert "polytask_models 5.0" in told
    assert "polytask_request_seconds_bucket" in told


@pytest.mark.parametrize("told", ["by the system", "by the library"])
def test_a_full_disk_of_the_service_is_told_without_the_names_of_its_files(
    client: TestClient, monkeypatch, caplog, told: str
):
    def full(*_: object) -> None:
        error = OSError(28, "No space left on device", "/secret/of/the/machine")
        if told == "by the system":
            raise error
        raise InputError("/secret/of/the/machine cannot be written: No space left. Free some.") from error

    monkeypatch.setattr(client.app.state.service.uploads, "add", full)
    answer = client.post("/tables", content="a,b\n1,2\n", headers={"content-type": "text/csv"})
    assert answer.status_code == 507
    assert "its own files" in answer.json()["error"]["what"]
    assert "secret" not in answer.text
    assert "secret" in caplog.text
