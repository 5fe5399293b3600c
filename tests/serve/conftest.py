"""A service in this process, on folders of its own."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from fastapi.testclient import TestClient
from tests.few_forms import few_forms

from polytask.serve import Limits, ServeSettings, create_app

__all__ = ["few_forms"]

SIGNS = ("circle", "cross", "triangle", "bar", "square")
SAVED = Path(__file__).parent.parent / "models" / "written_before"
MORE = {"X-Polytask": "1"}


def sign(name: str, shift: int = 0) -> bytes:
    """Draw a sign on paper, as PNG; the shift moves its strokes a little."""
    image = Image.new("L", (96, 96), 255)
    pen, near, far = ImageDraw.Draw(image), 20 + shift, 76 - shift
    if name == "circle":
        pen.ellipse((near, 20, far, 76), outline=0, width=5)
    elif name == "cross":
        pen.line((near, 20, far, 76), fill=0, width=5)
        pen.line((far, 20, near, 76), fill=0, width=5)
    elif name == "triangle":
        pen.polygon([(48 + shift, 20), (20, 76), (76, 76)], outline=0, width=5)
    elif name == "bar":
        pen.line((near, 48, far, 48 + shift), fill=0, width=5)
    else:
        pen.rectangle((near, near, far, 76), outline=0, width=5)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def packed(content: bytes) -> str:
    """Write bytes as requests have them."""
    return base64.b64encode(content).decode()


def signs(*names: str, shifts: tuple[int, ...] = (0,)) -> list[dict[str, str]]:
    """Return labelled examples."""
    return [{"image": packed(sign(name, shift)), "class": name} for name in names for shift in shifts]


Start = Callable[..., TestClient]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start services; those of one test share a store, as workers do."""
    running: list[TestClient] = []

    def started(*, limits: dict[str, Any] | None = None, host: str = "localhost", **given: Any) -> TestClient:
        settings = ServeSettings(
            store=str(tmp_path / "store"),
            runtime=str(tmp_path / "runtime"),
            limits=Limits(**{"rate": 0, **(limits or {})}),
            **given,
        )
        client = TestClient(create_app(settings), base_url=f"http://{host}", headers=MORE)
        client.__enter__()
        running.append(client)
        return client

    yield started
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    """A service with nothing but what comes with the package."""
    return start()


@pytest.fixture
def signed(client: TestClient) -> TestClient:
    """A service with a model of two signs."""
    answer = client.post(
        "/models/drawings/adapt", json={"name": "signs", "examples": signs("circle", "cross")}
    )
    assert answer.status_code == 201, answer.text
    return client
