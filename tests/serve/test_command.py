"""The command: a real process, its end, and what it refuses to start."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.serve.conftest import MORE, signs

from polytask.core import InputError
from polytask.serve.command import is_local, named_models, run_service
from polytask.serve.settings import TOKEN, Limits, ServeSettings


@contextmanager
def served(
    *words: str, temporary: Path, **environment: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen]]:
    """Run the command until the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polytask", "serve", "--port", "0", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), **environment},
    )
    try:
        assert process.stderr is not None
        address = ""
        while not address:
            line = process.stderr.readline()
            assert line, "the command ended"
            address = line.split()[2] if line.startswith("Serving at") else ""
        with httpx.Client(base_url=address, headers=MORE, timeout=60) as client:
            client.get("/health").raise_for_status()  # it says where it serves when it does
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_two_workers_share_a_store_that_outlives_them_and_leave_nothing_else(tmp_path: Path):
    store, temporary = tmp_path / "store", tmp_path / "temporary"
    temporary.mkdir()
    words = ("--store", str(store), "--workers", "2", "--threads", "1")
    with served(*words, temporary=temporary) as (client, _):
        told = {"name": "signs", "examples": signs("bar", "cross")}
        assert client.post("/models/drawings/adapt", json=told).status_code == 201
        for _ in range(6):  # new connections, to whichever worker takes them
            with httpx.Client(base_url=client.base_url) as other:
                assert other.get("/models/signs").json()["classes"] == ["bar", "cross"]
        assert "polytask_changes_total" in client.get("/metrics").text
    assert list(temporary.iterdir()) == []
    assert (store / "models" / "signs" / "ledger.json").is_file()


@pytest.mark.parametrize(
    ("host", "expected"), [("localhost", True), ("::1", True), ("0.0.0.0", False), ("a.b", False)]
)
def test_an_address_of_others_is_told_from_one_of_this_machine(host: str, expected: bool):
    assert is_local(host) == expected


def test_others_are_not_served_without_a_token_unless_that_is_said(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)
    with pytest.raises(InputError, match=f"{TOKEN}.*`no_token`"):
        run_service([], host="0.0.0.0")


def test_a_model_that_is_none_is_refused_before_anything_starts(tmp_path: Path):
    with pytest.raises(InputError, match="nothing"):
        run_service([str(tmp_path / "nothing")])


def test_a_port_that_is_taken_is_refused():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot be used"):
            run_service([], port=taken.getsockname()[1])


def test_models_are_served_under_names():
    assert list(named_models(["a/penguins/", "x=b"])) == ["penguins", "x"]
    with pytest.raises(InputError, match="Two models"):
        named_models(["a/m", "b/m"])
    with pytest.raises(InputError, match="cannot be called"):
        named_models(["a/.hidden"])


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"body": 0}, "`body` must be a number above 0"), ({"rows": 1.5}, "`rows` must be a whole number"),
     ({"rate": -1}, "`rate`"), ({"queue": True}, "`queue`"), ({"keep": float("nan")}, "`keep`")],
)  # fmt: skip
def test_a_limit_that_is_none_is_refused(limits: dict, words: str):
    with pytest.raises(InputError, match=words):
        Limits(**limits)


def test_settings_come_to_workers_as_they_were(monkeypatch):
    settings = ServeSettings(
        store="a", runtime="b", models={"m": "c"}, hosts=("d",), token=True, limits=Limits(rate=7, body=2.5)
    )
    monkeypatch.setenv("POLYTASK_SERVE_SETTINGS", settings.to_json())
    assert ServeSettings.from_environment() == settings
    monkeypatch.setenv(TOKEN, "")
    with pytest.raises(InputError, match="is empty"):
        settings.secret()


@pytest.mark.parametrize(
    ("workers", "threads", "told"), [(1, None, 6), (4, None, 1), (9, None, 1), (4, 3, 3)]
)
def test_workers_share_the_processors_that_this_process_may_use(
    workers: int, threads: int | None, told: int, monkeypatch: pytest.MonkeyPatch
):
    import polytask.serve.command as module

    started: list[ServeSettings] = []
    monkeypatch.setattr(module, "processors", lambda: 6)
    monkeypatch.setattr(module, "_run", lambda settings, **_: started.append(settings))
    run_service([], workers=workers, threads=threads)
    assert [one.threads for one in started] == [told]
