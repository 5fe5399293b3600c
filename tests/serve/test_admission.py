"""Who is let in: names of hosts, tokens, origins, and how often a client asks."""

import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import Start

from polytask.serve.settings import TOKEN


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:80", "LOCALHOST."])
def test_the_service_is_asked_by_names_of_this_machine(client: TestClient, host: str):
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.evil:80", "[::1"])
def test_a_strange_name_is_refused_as_a_page_could_make_a_browser_ask_by_it(client: TestClient, host: str):
    answer = client.get("/models", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["where"] == "Host"


def test_further_names_are_let_in_where_they_were_given(start: Start):
    client = start(hosts=("models.example",))
    assert client.get("/models", headers={"Host": "models.example"}).status_code == 200
    assert client.get("/models", headers={"Host": "other.example"}).status_code == 421
    assert start(any_host=True).get("/models", headers={"Host": "other.example"}).status_code == 200


def test_a_token_is_asked_for_everywhere_but_for_the_page_and_its_health(start: Start, monkeypatch):
    monkeypatch.setenv(TOKEN, "long and secret")
    client = start(token=True)
    for path in ("/models", "/metrics", "/models/drawings", "/nothing", "/jobs/x"):
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "long and secret" not in answer.text
    for header in ("Bearer wrong", "Basic long and secret", "long and secret", "Bearer ", "Bearer é"):
        assert client.get("/models", headers={"Authorization": header.encode()}).status_code == 401, header
    right = {"Authorization": "bearer long and secret"}
    assert client.get("/models", headers=right).status_code == 200
    assert client.get("/health").status_code == 200
    for path in ("/", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://["},
        {"Origin": ""},
    ],
)
def test_pages_of_strangers_change_nothing(client: TestClient, headers: dict[str, str]):
    answer = client.post("/models/drawings/undo", headers=headers)
    assert answer.status_code == 403
    assert client.get("/models", headers=headers).headers.get("access-control-allow-origin") is None


def test_a_form_needs_a_header_that_no_page_of_a_stranger_can_send(start: Start):
    client = start()
    del client.headers["X-Polytask"]
    for kind in ("multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", None):
        headers = {} if kind is None else {"content-type": kind}
        answer = client.post("/models/drawings/predict", content=b"", headers=headers)
        assert (answer.status_code, answer.json()["error"]["where"]) == (403, "X-Polytask"), kind
    own = {"Origin": "http://localhost", "content-type": "application/json"}
    assert client.post("/models/drawings/predict", content=b"{}", headers=own).status_code == 409


def test_a_client_that_asks_too_often_is_told_when_it_may_ask_again(start: Start):
    client = start(limits={"rate": 3})
    answers = [client.get("/health") for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    assert "3 times a minute" in answers[-1].json()["error"]["what"]
    assert start(limits={"rate": 3}).get("/health").status_code == 429  # another worker counts with it
