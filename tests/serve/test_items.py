"""Examples out of requests: hostile ones are refused before anything large is made of them."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.serve.conftest import Start, packed, sign

from polytask.serve.bodies import Body
from polytask.serve.failures import Refused
from polytask.serve.forms import Predict
from polytask.serve.items import checked_label, items_to_predict
from polytask.serve.settings import Limits

LIMITS = Limits(rows=3, text=10, pixels=0.01, sound=1)


def bomb(side: int) -> bytes:
    """Return a small PNG of very many equal pixels."""
    rows = zlib.compress(b"\0" * (side // 8 + 1) * side, 9)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(seconds: float, rate: int = 8000) -> bytes:
    samples = np.zeros(int(seconds * rate), dtype="<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, rate,
                       2 * rate, 2, 16, b"data", len(samples))  # fmt: skip
    return head + samples


def refusal(kind: str, *parts: bytes, **asked) -> Refused:
    with pytest.raises(Refused) as refused:
        items_to_predict(kind, Predict(**asked), _body(*parts), LIMITS)
    return refused.value


def _body(*parts: bytes) -> Body:
    from polytask.serve.bodies import Part

    return Body(parts=tuple(Part(field="f", name="x", content=part) for part in parts))


def test_an_image_of_too_many_pixels_is_refused_by_its_header():
    content = bomb(20_000)
    assert len(content) < 100_000
    tracemalloc.start()
    found = refusal("image", images=[packed(content)])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.status, found.where) == (413, "images[0]")
    assert "too many pixels" in found.what
    assert most < 5e6


@pytest.mark.parametrize(
    "content", [b"GIF89a", b"\0" * 100, b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"<svg/>", b"%!PS"]
)
def test_what_is_no_image_is_refused(content: bytes):
    found = refusal("image", images=[packed(content)])
    assert found.status == 422
    assert "known format" in found.what


def test_an_image_that_is_cut_off_is_refused_when_it_is_read(signed: TestClient):
    answer = signed.post("/models/signs/predict", json={"images": [packed(sign("bar")[:-60])]})
    assert answer.status_code == 422
    assert "no readable image" in answer.json()["error"]["what"]


@pytest.mark.parametrize("text", ["%%%", "a", "data:image/png;base64,", "é", "AAAA\n=="])
def test_what_is_no_base64_is_refused(text: str):
    assert refusal("image", images=[text]).where == "images[0]"


def test_a_data_address_is_read_as_base64():
    address = f"data:image/png;base64,{packed(sign('bar'))}"
    assert items_to_predict("image", Predict(images=[address]), Body(), LIMITS) == [sign("bar")]


def test_a_sound_that_is_too_long_is_refused():
    assert len(items_to_predict("sound", Predict(sounds=[packed(wav(0.9))]), Body(), LIMITS)) == 1
    assert refusal("sound", sounds=[packed(wav(1.5))]).status == 413
    assert refusal("sound", sounds=[packed(b"RIFFxxxxWAVE")]).status == 422
    assert refusal("sound", wav(1.5)).status == 413


@pytest.mark.pretrained("soundfile")
def test_a_packed_sound_is_refused_by_the_length_that_it_says():
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, np.zeros(8000 * 3600, dtype=np.float32), 8000, format="FLAC")
    assert len(written.getvalue()) < 2**20
    assert refusal("sound", written.getvalue()).status == 413


@pytest.mark.parametrize(
    ("kind", "asked", "status"),
    [
        ("text", {"texts": ["x" * 11]}, 413),
        ("text", {"texts": [" "]}, 422),
        ("text", {"texts": ["a\0b"]}, 422),
        ("text", {"texts": ["\ud800"]}, 422),
        ("text", {"texts": []}, 422),
        ("text", {"texts": ["a"] * 4}, 413),
        ("text", {"texts": ["a"], "rows": [{"a": 1}]}, 422),
        ("text", {"images": ["a"]}, 422),
        ("text", {}, 422),
        ("vector", {"vectors": [[]]}, 422),
        ("vector", {"vectors": [[0.0] * 10_001]}, 413),
    ],
)
def test_what_is_empty_too_long_or_of_another_kind_is_refused(kind: str, asked: dict, status: int):
    assert refusal(kind, **asked).status == status


@pytest.mark.parametrize("vectors", [[[1.0, 2.0], [1.0]], [[1e300, 1.0]], [[1.0, 2.0, 3.0]]])
def test_vectors_that_do_not_fit_are_refused(client: TestClient, vectors: list):
    examples = [{"vector": [float(x), 0.5], "class": str(x)} for x in (0, 1)]
    client.post("/models/vectors/adapt", json={"name": "v", "examples": examples})
    answer = client.post("/models/v/predict", json={"vectors": vectors})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("label", ["", "  ", "\ud800", "a\0"])
def test_a_class_has_a_name_that_says_something(label: str):
    with pytest.raises(Refused, match="says something"):
        checked_label(label, "class")


def test_a_model_knows_so_many_examples_and_classes_and_no_more(start: Start):
    client = start(limits={"examples": 4, "classes": 3})

    def some(*labels: str) -> list[dict]:
        return [{"vector": [float(index), 1.0], "class": label} for index, label in enumerate(labels)]

    assert client.post("/models/vectors/adapt", json={"name": "v", "examples": some("a", "b")}).is_success
    assert client.post("/models/v/examples", json={"examples": some("c")}).is_success
    for more in (some("d"), some("a", "b"), some(*"aaaaa")):
        answer = client.post("/models/v/examples", json={"examples": more})
        assert answer.status_code == 413, answer.text
    assert client.get("/models/v").json()["revision"] == 2


def test_an_image_with_transparency_or_16_bits_is_read(signed: TestClient):
    for mode in ("RGBA", "I;16", "P", "1"):
        written = io.BytesIO()
        Image.open(io.BytesIO(sign("cross"))).convert("L").convert("RGBA" if mode == "RGBA" else "L").convert(
            mode if mode in ("RGBA", "P", "1") else "I;16"
        ).save(written, "PNG")
        assert signed.post("/models/signs/predict", json={"images": [packed(written.getvalue())]}).is_success


def test_images_that_are_small_one_by_one_may_be_too_many_pixels_together():
    limits, image = Limits(pixels=0.01), packed(bomb(100))
    assert len(items_to_predict("image", Predict(images=[image] * 16), _body(), limits)) == 16
    with pytest.raises(Refused, match=r"too many pixels together; at most 0\.16 million") as refused:
        items_to_predict("image", Predict(images=[image] * 17), _body(), limits)
    assert (refused.value.status, refused.value.where) == (413, "images[16]")


def test_sounds_that_are_short_one_by_one_may_be_too_many_samples_together(monkeypatch):
    monkeypatch.setattr("polytask.serve.items._MOST_SAMPLES", 10_000)
    with pytest.raises(Refused, match="too many samples together; at most 10,000") as refused:
        items_to_predict("sound", Predict(sounds=[packed(wav(0.9))] * 2), _body(), LIMITS)
    assert (refused.value.status, refused.value.where) == (413, "sounds[1]")
