"""A service as its user starts it, whose page Chromium looks at; skipped where there is no Chromium."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_START = 120  # seconds until it listens; machines may be busy


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service with its built-in encoders."""
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "polytask", "serve", "--port", "0", "--store", str(folder / "store")]
    log = folder / "log"
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=_environment())
        try:
            yield _listening(process, log)
        finally:
            process.terminate()
            process.wait(30)


def _environment() -> dict[str, str]:
    quiet = {"NO_COLOR": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    return {**{name: value for name, value in os.environ.items() if name != "POLYTASK_SERVE_TOKEN"}, **quiet}


def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the service answers; its address."""
    for _ in range(10 * _START):
        found = re.search(r"http://[^/]+", log.read_text())
        if found:
            try:
                urllib.request.urlopen(f"{found.group()}/health", timeout=5).close()
                return found.group()
            except OSError:
                pass  # it says its address before it listens
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"The service did not start: {log.read_text()}")


@pytest.fixture
def opened(chrome: Any, address: str) -> Iterator[Any]:
    """Opens a part of the page: ``opened("texts", locale="zh-CN")``; nothing may go wrong in its console."""
    contexts, wrong = [], []

    def open_part(part: str = "draw", *, allow_errors: bool = False, **options: Any) -> Any:
        context = chrome.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if not allow_errors:
            page.on(
                "console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None
            )
        page.goto(f"{address}/#{part}")
        page.locator(f"#{part}-panel h2").wait_for()
        return page

    yield open_part
    for context in contexts:
        context.close()
    assert not wrong
