"""Hostile examples: files of every kind with changed bytes, folders, tables and lists."""

import io
import json
import random
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from polytask import PolytaskError
from polytask.data import Examples, Sound, read_examples

_IMAGES = {".png": "PNG", ".jpg": "JPEG", ".gif": "GIF", ".tiff": "TIFF", ".webp": "WEBP", ".bmp": "BMP"}
_TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet")
_TEXTS = (
    "hi",
    "a b c",
    "",
    " ",
    "日本",
    "a,b",
    'say "x"',
    "1",
    "01",
    "NA",
    "a.png",
    "no such.wav",
    "\ud800",
    "x" * 3000,
)
_NAMES = ("text", "label", "class", "x", "image", "audio", "id", "Label ", "query", "y", "", "0")


def attempt(seed: int, folder: Path) -> str:
    """Make a case, try it, and say what it was."""
    draw = random.Random(seed)
    make = draw.choice((_file, _file, _table, _table, _folder, _list))
    source: Any
    source, what = make(draw, folder)
    options: dict[str, Any] = {"labelled": draw.random() < 0.5}
    if draw.random() < 0.2:
        options["kind"] = draw.choice(("text", "image", "sound", "vector"))
    if draw.random() < 0.1:
        options["item_column"] = draw.choice(_NAMES)
    if make is _list and options["labelled"]:
        options["labels"] = [draw.choice((*"ab", None, 1.0)) for _ in source]
    try:
        found = read_examples(source, **options)
    except PolytaskError as error:
        assert len(str(error)) < 4000, f"too long: {error}"
        str(error).encode()
        raise
    _check(found, labelled=options["labelled"])
    again = read_examples(source, labelled=False, origin=found.origin)
    assert again.kind == found.kind and again.labels is None
    return f"{what}: {found.kind}"


def _check(found: Examples, *, labelled: bool) -> None:
    assert len(found) and (found.labels is not None) == labelled
    "".join((*found.messages, *(found.labels or ()))).encode()
    json.dumps(dict(found.origin))
    for item in found.items:
        if found.kind == "text":
            assert isinstance(item, str) and (item.strip() or not labelled)
        elif found.kind == "image":
            assert item.dtype == np.uint8 and item.ndim == 3 and item.shape[2] == 3 and item.size
        elif found.kind == "sound":
            assert isinstance(item, Sound) and np.isfinite(item.samples).all() and item.samples.ndim == 1
        else:
            assert item.dtype == np.float32 and np.isfinite(item).all()


def _file(draw: random.Random, folder: Path) -> tuple[Path, str]:
    ending, content = _content(draw)
    path = folder / f"one{ending}"
    path.write_bytes(content)
    return path, f"file {ending}"


def _table(draw: random.Random, folder: Path) -> tuple[Any, str]:
    """Write a table, or give it as it is; names of files in it lead to some."""
    (folder / "a.png").write_bytes(_image(draw, ".png"))
    names = draw.sample(_NAMES, draw.randrange(1, 5))
    texts = [text for text in _TEXTS if draw.random() < 0.5] or ["hi"]
    rows = [
        {name: draw.choice((*texts, 3, 2.5, None, True)) for name in names} for _ in range(draw.randrange(6))
    ]
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in names})
    if draw.random() < 0.3:
        return draw.choice((rows, frame, {name: frame[name].tolist() for name in names})), "table in memory"
    ending = draw.choice(_TABLES)
    path = folder / f"table{ending}"
    path.write_bytes(_changed(draw, _written(frame, ending)))
    return path, f"table {ending}"


def _written(frame: pd.DataFrame, ending: str) -> bytes:
    frame = frame.map(lambda value: value.replace("\ud800", "?") if isinstance(value, str) else value)
    if ending == ".parquet":
        file = io.BytesIO()
        frame.astype(str).to_parquet(file)
        return file.getvalue()
    if ending in (".json", ".jsonl"):
        return (frame.to_json(orient="records", lines=ending == ".jsonl") or "").encode()
    return frame.to_csv(index=False, sep="\t" if ending == ".tsv" else ",").encode()


def _folder(draw: random.Random, folder: Path) -> tuple[Path, str]:
    """Write class folders, some with files of another kind, damaged ones, and links."""
    root = folder / "classes"
    endings = draw.choice(((".png", ".jpg"), (".wav",), (".txt",), (".png", ".txt"), (".png", ".csv")))
    for name in draw.sample(("cat", "dog", "train", "test", "café", ".hidden", "a/b", "a", "Cat"), 3):
        inner = root / name
        inner.mkdir(parents=True, exist_ok=True)
        for number in range(draw.randrange(3)):
            ending = draw.choice(endings)
            content = _content(draw, ending)[1] if draw.random() < 0.2 else _plain(draw, ending)
            (inner / f"{number}{ending}").write_bytes(content)
        if draw.random() < 0.1:
            (inner / "link").symlink_to(draw.choice((root, inner / "link", folder / "nowhere")))
    return root, "folder"


def _list(draw: random.Random, folder: Path) -> tuple[list[Any], str]:
    """Give a list of one kind, now and then of two."""
    image = np.zeros(
        draw.choice(((4, 5), (4, 5, 3), (3, 4, 5), (4, 5, 2), (0, 5))), dtype=draw.choice("Bfl?")
    )
    kinds = (
        [*_TEXTS, None, 3],
        [image, image * 3],
        [Image.new("RGB", (3, 2)), Image.new("P", (3, 2))],
        [Sound(np.ones(5), 8000), Sound(np.zeros((5, 2)), 8000)],
        [np.ones(3), [1, 2, 3], (1, 2), [float("nan")] * 3],
        [folder / "none.png", str(folder / "none.wav"), b"bytes", b"", {"bytes": b"RIFF"}, {1}, object()],
    )
    items = draw.choice(kinds)
    if draw.random() < 0.1:
        items = items + draw.choice(kinds)
    return [draw.choice(items) for _ in range(draw.randrange(5))], "list"


def _content(draw: random.Random, ending: str | None = None) -> tuple[str, bytes]:
    ending = ending or draw.choice((*_IMAGES, ".wav", ".wav", ".txt", *_TABLES))
    return ending, _changed(draw, _plain(draw, ending))


def _plain(draw: random.Random, ending: str) -> bytes:
    if ending in _IMAGES:
        return _image(draw, ending)
    if ending == ".wav":
        return _sound(draw)
    if ending == ".txt":
        return "Grüße\nund mehr".encode()
    return _written(pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}), ending)


def _image(draw: random.Random, ending: str) -> bytes:
    mode = draw.choice(("L", "RGB"))
    file = io.BytesIO()
    Image.effect_noise((draw.choice((1, 10, 600)), 10), 60).convert(mode).save(file, _IMAGES[ending])
    return file.getvalue()


def _sound(draw: random.Random) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(draw.choice((1, 2)))
        written.setsampwidth(draw.choice((1, 2, 3, 4)))
        written.setframerate(draw.choice((1, 8000, 48_000)))
        written.writeframes(draw.randbytes(draw.choice((0, 24, 240))))
    return file.getvalue()


def _changed(draw: random.Random, content: bytes) -> bytes:
    """Change, cut out, put in or overwrite a few bytes; a third stay as they are."""
    data = bytearray(content)
    for _ in range(draw.choice((0, 1, 1, 3, 20)) if draw.random() < 0.7 else 0):
        index = draw.randrange(len(data) + 1)
        change = draw.randrange(4)
        if change == 0:
            data[index : index + 1] = draw.randbytes(1)
        elif change == 1:
            del data[index : index + draw.randrange(1, 9)]
        elif change == 2:
            data[index:index] = draw.randbytes(draw.randrange(1, 9))
        else:
            data[index : index + 4] = draw.choice((b"\xff" * 4, b"\0" * 4, b'\n,";', b"NaN,"))
    return bytes(data)
