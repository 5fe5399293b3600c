"""Hostile requests to the service: odd JSON, damaged files, strange names, types and headers.

Every answer has to be one of success or a record of what, where and how to mend it; none may be a failure of
the service (500), and the service has to go on.
"""

import base64
import functools
import io
import json
import random
import struct
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from fastapi.testclient import TestClient
from PIL import Image

from polytask.serve import Limits, ServeSettings, create_app
from polytask.serve.examples import REQUESTS

__all__ = ["attempt"]

_STATUSES = {200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 422, 429, 501, 503}
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 10**400, "", " ", "\0", "a" * 5000, "../../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "http://localhost/", "data:,", "data:image/png;base64,AAAA", "é\u0301", "\u202e",
    "💥", "'; drop", "<script>", "{}", "NaN", [], {}, [[]], [None], {"a": {"b": []}}, [1, "a", None], "%00",
    "__class__", "x.txt", "x.png", "a|b", "0", "1e400",
)  # fmt: skip
_TYPES = (
    "application/json", "text/csv", "application/vnd.apache.parquet", "multipart/form-data; boundary=x",
    "text/plain", "application/json; charset=utf-16", "", "a/b; c=\xe9",
)  # fmt: skip
_NAMES = (
    "drawings",
    "texts",
    "vectors",
    "v",
    "t",
    "%2e%2e",
    "a%00b",
    "..%2F..",
    "%ff",
    "x" * 500,
    "",
    "%E4%BF%A1",
)
_ROUTES = {
    "predict": "predict", "adapt": "adapt", "examples": "examples", "rename": "rename", "remove": "remove",
    "correct": "correct", "forget": "forget", "rename_path": "classes/a", "tables": "", "fit": "",
}  # fmt: skip
_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz.serve.")


@functools.cache
def _client() -> TestClient:
    """Start a service with two models, for all cases of a process."""
    folder = _FOLDER.name
    limits = Limits(
        rate=0, body=1, table=1, rows=50, examples=40, models=20, pixels=0.5, sound=2, tables=4, waiting=1
    )
    app = create_app(ServeSettings(store=f"{folder}/store", runtime=f"{folder}/run", limits=limits))
    client = TestClient(
        app, base_url="http://localhost", headers={"X-Polytask": "1"}, raise_server_exceptions=False
    )
    client.__enter__()
    for name, base, field, items in (
        ("v", "vectors", "vector", ([0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2])),
        ("t", "texts", "text", ("pay a bill", "owe money", "rain today", "cold wind")),
    ):
        examples = [{field: item, "class": "ab"[index // 2]} for index, item in enumerate(items)]
        answer = client.post(f"/models/{base}/adapt", json={"name": name, "examples": examples})
        if not answer.is_success:
            raise RuntimeError(answer.text)
    return client


def attempt(seed: int, _: Path) -> str:
    """Send one request, decided by the seed; raise where the answer is none that may be."""
    rng = random.Random(seed)
    make = rng.choice((_odd_json, _odd_json, _odd_json, _odd_file, _odd_bytes, _odd_path))
    method, path, given = make(rng)
    answer = _client().request(method, path, **given)
    said = f"{method} {path[:60]} -> {answer.status_code}"
    if answer.status_code not in _STATUSES:
        raise RuntimeError(f"{said}: {answer.text[:500]}")
    if answer.status_code >= 400:
        record = answer.json()["error"]
        if not (record["what"] and record["where"] and set(record) == {"what", "where", "remedy", "request"}):
            raise RuntimeError(f"{said}: {answer.text[:500]}")
        if "Traceback" in answer.text or "site-packages" in answer.text or "/fuzz.serve." in answer.text:
            raise RuntimeError(f"{said} tells of the machine: {answer.text[:500]}")
        return f"refused: {said}: {record['what'][:80]}"
    return said


def _odd_json(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Change some values of an example."""
    route = rng.choice(list(_ROUTES))
    told = json.loads(json.dumps(rng.choice(list(REQUESTS[route].values()))))
    for _ in range(rng.randint(0, 3)):
        told = _changed(told, rng)
    if isinstance(told, dict) and route == "adapt" and rng.random() < 0.8:
        told["name"] = f"m{rng.randint(0, 3)}"
    if route == "tables":
        path = "/tables"
    elif route == "fit":
        path = f"/tables/{rng.choice(('0' * 16, 'x', '..'))}/fit"
    else:
        path = f"/models/{rng.choice(_NAMES[:5])}/{_ROUTES[route]}"
    content = json.dumps(told).encode()
    if rng.random() < 0.1:
        content = content.replace(b"1", b"NaN").replace(b'"a"', b'"\\ud800"')
    return "POST", path, {"content": content, "headers": {"Content-Type": "application/json"}}


def _changed(told: Any, rng: random.Random) -> Any:
    """Put something strange somewhere into a value."""
    if isinstance(told, dict) and told and rng.random() < 0.85:
        key = rng.choice(list(told))
        if rng.random() < 0.1:
            return {**told, str(rng.choice(_VALUES))[:50]: rng.choice(_VALUES)}
        return {**told, key: _changed(told[key], rng)}
    if isinstance(told, list) and told and rng.random() < 0.85:
        index = rng.randrange(len(told))
        return [*told[:index], _changed(told[index], rng), *told[index + 1 :]] * rng.choice((1, 1, 1, 30))
    return rng.choice(_VALUES)


def _odd_file(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Send a file with some bytes changed, as a form, a body or in base64."""
    kind, content = rng.choice(_files())
    content = bytearray(content)
    for _ in range(rng.randint(0, 6)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    content = bytes(content[: rng.randint(1, len(content))] if rng.random() < 0.3 else content)
    if kind in ("csv", "parquet"):
        path = rng.choice(("/tables", "/models/t/predict", "/models/v/predict"))
        if rng.random() < 0.5:
            return "POST", path, {"files": {"file": (f"{rng.choice(_VALUES)}.{kind}", content)}}
        types = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
        return "POST", path, {"content": content, "headers": {"Content-Type": types[kind]}}
    field = {"png": "image", "wav": "sound"}[kind]
    packed = base64.b64encode(content).decode()
    told = {"name": f"f{rng.randint(0, 3)}", "examples": [{field: packed, "class": label} for label in "ab"]}
    return "POST", f"/models/{rng.choice(('drawings', 'sounds', 'images'))}/adapt", {"json": told}


@functools.cache
def _files() -> list[tuple[str, bytes]]:
    picture, packed = io.BytesIO(), io.BytesIO()
    Image.new("L", (40, 30), 200).save(picture, "PNG")
    frame = pd.DataFrame({"text": ["a", "b c"], "x": [0.5, 1.5]})
    frame.to_parquet(packed)
    samples = bytes(800)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 836, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 800
    )
    return [
        ("png", picture.getvalue()),
        ("wav", head + samples),
        ("csv", frame.to_csv(index=False).encode()),
        ("parquet", packed.getvalue()),
    ]


def _odd_bytes(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Send bytes of any kind under any type."""
    content = rng.choice(
        (rng.randbytes(rng.randint(0, 200)), b"[" * 5000, b"{" * 99, b'{"a":' * 3000, b"--x--\r\n")
    )
    path = rng.choice(("/tables", "/models/t/predict", "/models/texts/adapt", "/models/v/examples"))
    return (
        "POST",
        path,
        {"content": content, "headers": {"Content-Type": rng.choice(_TYPES).encode("latin-1")}},
    )


def _odd_path(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Ask for strange names, by strange methods."""
    name = rng.choice(_NAMES)
    path = rng.choice(
        (f"/models/{name}", f"/models/{name}/bundle", f"/models/{name}/report", f"/page/{name}", "/models",
         f"/models/{name}/classes/{name}", f"/tables/{name}", f"/jobs/{name}", f"/jobs/{name}/events",
         f"/{name}")
    )  # fmt: skip
    method = rng.choice(("GET", "GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"))
    headers = (
        {"Host": rng.choice(("localhost", "evil", "localhost:x", "[", "a" * 300))}
        if rng.random() < 0.2
        else {}
    )
    if rng.random() < 0.2:
        headers["Origin"] = rng.choice(("null", "http://evil", "http://localhost", "::", "http://[", ""))
    return method, path, {"headers": headers}
