"""Hostile images: files of all kinds with changed bytes, odd folders and odd arrays, read and predicted."""

import io
import os
import random
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

import polytask
from polytask import PolytaskError
from polytask.core import seeded
from polytask.data import ImagePreparation, LabelledExamples, image_folder
from polytask.data.images.image_paths import image_files
from polytask.models import FewShotModel
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner

_MODES = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "F",
    "I;16",
    "RGBa",
)
_KINDS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "TIFF",
    "WEBP",
    "PPM",
    "TGA",
    "AVIF",
    "JPEG2000",
    "MPO",
    "ICO",
    "PCX",
    "EPS",
)
_NAMES = (
    "a",
    "B b",
    "ü",
    "e\u0301",
    "日本",
    "x" * 120,
    "a.png",
    "-o",
    "p(a)",
    "class",
    "%s",
    "$HOME",
    "[red]",
    "None",
    "a\nb",
)
_CLUTTER = (
    ".ipynb_checkpoints",
    "__MACOSX",
    "@eaDir",
    ".git",
    "Thumbs.db",
    "desktop.ini",
    "._1.png",
    ".DS_Store",
)
_SIZE = 16


def attempt(seed: int, folder: Path) -> str:
    """Make a case, try it, and say what it was."""
    draw = random.Random(seed)
    tries = [(_file, 45), (_class_folders, 25), (_adapt, 15), (_arrays, 10), (_description, 4), (_learn, 1)]
    chosen = draw.choices([function for function, _ in tries], [weight for _, weight in tries])[0]
    return chosen(draw, folder)


def _file(draw: random.Random, folder: Path) -> str:
    """Read one file, then again as it was decided."""
    content, words = _content(draw)
    path = folder / f"scan{draw.choice(('.png', '.jpg', '.JFIF', '.tif', '.gif', ''))}"
    path.write_bytes(content)
    asked = ImagePreparation(
        size=draw.choice((1, 16, 28, 200)),
        channels=draw.choice((None, None, 1, 3)),
        ground=draw.choice((None, None, "dark", "light")),
        inverted=draw.random() < 0.2,
    )
    try:
        images, used = asked.read([path])
    except PolytaskError as error:
        assert path.name in str(error), f"the file is not named: {error}"
        raise
    again, same = used.read([content])
    assert same == used and torch.equal(images, again) and images.dtype == torch.uint8
    assert images.shape == (1, used.channels, asked.size, asked.size)
    assert ImagePreparation.from_json(used.to_json()) == used
    return f"file: {words}"


def _class_folders(draw: random.Random, folder: Path) -> str:
    """Read class folders with what people, systems and links leave in them."""
    root = _tree(draw, folder / "images", n_classes=draw.randrange(5), damaged=0.05)
    examples = image_folder(root, size=_SIZE, channels=draw.choice((None, 1, 3)))
    assert len(set(examples.class_names)) == examples.n_classes
    assert sorted(set(examples.labels.tolist())) == list(range(examples.n_classes))
    assert not [name for name in examples.class_names if any(odd in name.split("/") for odd in _CLUTTER)]
    assert examples.images is not None
    files = image_files(root)
    assert len(files) >= len(examples)
    "".join(examples.class_names).encode()
    if draw.random() < 0.3:
        images, _ = ImagePreparation(size=_SIZE).read(files)
        assert len(images) == len(files)
    return f"folder: {examples.n_classes} classes"


def _adapt(draw: random.Random, folder: Path) -> str:
    """Adapt to a folder, and predict files and arrays."""
    model = _model(draw.choice((1, 3)), draw.choice(("prototypes", "ridge")))
    support = _tree(draw, folder / "support", n_classes=draw.randrange(1, 5), damaged=0.01)
    adapted = model.adapt(draw.choice((support, str(support))))
    images = _asked_images(draw, folder, support)
    answers = adapted.predict(images)
    shares = answers.iloc[:, 1:].to_numpy(dtype=float)
    assert len(answers) and np.isfinite(shares).all() and np.allclose(shares.sum(1), 1, atol=1e-4)
    assert set(answers["class"]) <= set(adapted.classes)
    answers.to_csv(folder / "answers.csv")
    return f"adapted to {len(adapted.classes)} classes"


def _asked_images(draw: random.Random, folder: Path, support: Path) -> Any:
    kind = draw.randrange(5)
    if kind == 0:
        return _array(draw)
    if kind == 1:
        return [_content(draw)[0] for _ in range(draw.randrange(3))]
    if kind == 2:
        return [_image(draw) for _ in range(draw.randrange(1, 3))]
    if kind == 3:
        return draw.choice(
            (None, 3, {}, [3], {"a": 1}, folder / "nowhere", "", "a\0b", torch.zeros(2), [None])
        )
    return support


def _arrays(draw: random.Random, folder: Path) -> str:
    """Give arrays of odd shapes, types and ranges to a model and to `learn`."""
    del folder
    array = _array(draw)
    if draw.random() < 0.5 or not array.ndim or not isinstance(array, torch.Tensor):
        found = ImagePreparation(size=_SIZE, channels=draw.choice((1, 3))).floats(array)
        assert found.dtype == torch.float32 and (
            not found.numel() or -0.01 < found.min() <= found.max() < 1.01
        )
        return "array, for a model"
    labels = torch.arange(len(array)) % max(1, draw.randrange(9))
    names = tuple(map(str, range(int(labels.max()) + 1 if len(labels) else 1)))
    examples = LabelledExamples(inputs=array, labels=labels, class_names=names, class_groups=names)
    polytask.learn(examples, way=2, steps=1, width=2, n_episodes=1, episodes=1)
    return "array, learned"


def _description(draw: random.Random, folder: Path) -> str:
    """Change how a model is said to read images."""
    del folder
    data: dict[Any, Any] = ImagePreparation(size=28, channels=1, ground="light", inverted=True).to_json()
    odd = (
        None,
        True,
        -1,
        0,
        1,
        2,
        3,
        2.0,
        1e400,
        float("nan"),
        "",
        "28",
        "light",
        [],
        {},
        "x" * 1000,
        10**30,
    )
    for _ in range(draw.randrange(1, 3)):
        data[draw.choice((*data, "more", 3))] = draw.choice(odd)
    if draw.random() < 0.2:
        data.pop(draw.choice(list(data)))
    given: Any = draw.choice((data, data, data, list(data), None))
    ImagePreparation.from_json(given)
    return "description"


def _learn(draw: random.Random, folder: Path) -> str:
    """Learn from a folder of a few classes."""
    root = _tree(draw, folder / "known", n_classes=draw.randrange(4, 10), damaged=0.0)
    way = draw.choice((2, 2, 3))
    model = polytask.learn(root, way=way, steps=1, width=2, size=_SIZE, n_episodes=2, episodes=1, train_way=2)
    model.adapt(root).predict(root)
    return "learned"


@lru_cache
def _model(channels: int, learner: str) -> FewShotModel:
    images = ImagePreparation(size=_SIZE, channels=channels)
    config = FewShotConfig(learner=learner, way=2, size=_SIZE, width=2, images=images)
    with seeded(0):
        return FewShotModel(build_few_shot_learner(config), config=config, data={})


def _tree(draw: random.Random, root: Path, *, n_classes: int, damaged: float) -> Path:
    """Write class folders."""
    root.mkdir()
    for name in draw.sample(_NAMES, n_classes):
        above = root / "group" if draw.random() < 0.1 else root
        folder = above / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(draw.choice((0, 1, 2, 2, 3, 3))):
            content = _content(draw)[0] if draw.random() < damaged else _plain(draw)
            ending = draw.choice(("png", "PNG", "jfif", "tiff", "png", "png", "heic", "txt", ""))
            (folder / f"{number}.{ending}").write_bytes(content)
    places = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for _ in range(draw.randrange(4)):
        _disturb(draw, draw.choice(places), places)
    return root


def _disturb(draw: random.Random, place: Path, places: list[Path]) -> None:
    """Leave something in a folder."""
    target = place / draw.choice((*_CLUTTER, "link", "notes.txt", "empty", "file.png"))
    if os.path.lexists(target):
        return
    kind = draw.randrange(6)
    if kind == 0:
        target.mkdir()
        (target / "1.png").write_bytes(_plain(draw))
    elif kind == 1:
        target.symlink_to(draw.choice((*places, Path("nowhere"), Path(".."))))
    elif kind == 2:
        target.write_bytes(_content(draw)[0])
    elif kind == 3:
        target.mkdir()
    elif kind == 4 and hasattr(os, "mkfifo"):
        os.mkfifo(target)
    else:
        (place / os.fsdecode(b"caf\xe9.png")).write_bytes(_plain(draw))


def _plain(draw: random.Random) -> bytes:
    """Return a drawing as people have them."""
    image = Image.new("L", (30, 30), 255)
    points = [(draw.randrange(30), draw.randrange(30)) for _ in range(4)]
    ImageDraw.Draw(image).line(points, fill=draw.choice((0, 60)), width=3)
    file = io.BytesIO()
    image.save(file, draw.choice(("PNG", "PNG", "JPEG", "BMP")))
    return file.getvalue()


def _image(draw: random.Random) -> Image.Image:
    """Return an image of an odd mode or size."""
    sides = (1, 2, 7, 16, 30, 100, 100, 1200)
    size = (draw.choice(sides), draw.choice(sides))
    grey = Image.effect_noise(size, draw.choice((0, 30, 200)))
    mode = draw.choice(_MODES)
    if mode == "I;16":
        return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    if mode in ("I", "F"):
        factor = draw.choice((1, 257, 1 / 255, -3, 10**7))
        numbers = np.asarray(grey).astype(np.float32) * factor
        return Image.fromarray(numbers.astype(np.int32) if mode == "I" else numbers)
    if mode in ("LA", "RGBA", "PA", "RGBa"):
        image = grey.convert({"PA": "LA", "RGBa": "RGBA"}.get(mode, mode))
        image.putalpha(draw.choice((grey, Image.new("L", size, draw.choice((0, 128, 255))))))
        return image.convert(mode) if image.mode != mode else image
    return (
        grey.convert("RGB").convert(mode) if mode in ("LAB", "HSV", "CMYK", "YCbCr") else grey.convert(mode)
    )


def _content(draw: random.Random) -> tuple[bytes, str]:
    """Return a file's bytes, changed or not, and what they are."""
    image, kind = _image(draw), draw.choice(_KINDS)
    options: dict[str, Any] = {}
    if draw.random() < 0.3 and kind != "AVIF":  # whose encoder dies of odd notes
        notes = Image.Exif()
        notes[0x0112] = draw.choice((0, 1, 3, 6, 8, 9, 65535))
        options["exif"] = draw.choice(
            (notes.tobytes(), notes.tobytes()[:-3], b"Exif\0\0junk", draw.randbytes(40))
        )
    if draw.random() < 0.2:
        options["transparency"] = draw.choice((0, 255, (0, 0, 0), b"\0\x80"))
    if draw.random() < 0.1 and kind in ("GIF", "PNG", "TIFF", "WEBP"):
        options |= {"save_all": True, "append_images": [Image.effect_noise(image.size, 30)]}
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except Exception:  # noqa: BLE001 - Pillow cannot write this combination
        kind, file = "PNG", io.BytesIO()
        Image.effect_noise(image.size, 30).save(file, kind)
    content = file.getvalue()
    change = draw.choice(("no", "no", "cut", "bits", "bytes", "size", "splice", "noise", "grow"))
    changed = _changed(draw, content, change)
    return (
        _with_sums(changed) if kind == "PNG" and draw.random() < 0.7 else changed
    ), f"{image.mode} {kind} {change}"


def _changed(draw: random.Random, content: bytes, change: str) -> bytes:
    data = bytearray(content)
    if change == "cut":
        return bytes(data[: draw.randrange(len(data))])
    if change in ("bits", "bytes"):
        early = min(len(data), draw.choice((60, 300, len(data))))
        for _ in range(draw.choice((1, 3, 20))):
            place = draw.randrange(early)
            data[place] = data[place] ^ (1 << draw.randrange(8)) if change == "bits" else draw.randrange(256)
    elif change == "size":
        place = draw.randrange(min(len(data), 60))
        data[place : place + 4] = struct.pack(
            draw.choice((">I", "<I")), draw.choice((0, 8000, 65535, 2**31 - 1))
        )
    elif change == "splice":
        first, second = sorted(draw.randrange(len(data)) for _ in range(2))
        data = data[:first] + data[second:] if draw.random() < 0.5 else data[:second] + data[first:]
    elif change == "noise":
        return draw.randbytes(draw.randrange(300))
    elif change == "grow":
        data += draw.randbytes(2000)
    return bytes(data)


def _with_sums(content: bytes) -> bytes:
    """Correct the check sums of a PNG, so that its decoder goes on to what was changed."""
    data, place = bytearray(content), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(data)


def _array(draw: random.Random) -> Any:
    """Return an array of an odd shape, type or range."""
    shapes = (
        (12, 1, 16, 16),
        (12, 3, 16, 16),
        (6, 16, 16, 3),
        (16, 16),
        (12, 16, 16),
        (0, 1, 16, 16),
        (3, 2, 16, 16),
    )
    shape = draw.choice(
        (*shapes, (12, 1, 16, 17), (12, 60), (), (12, 1, 2000, 2000)[: draw.randrange(4)], (12, 1, 40, 40))
    )
    numbers = np.random.default_rng(draw.randrange(2**32)).random(shape)
    scale = draw.choice((1, 1, 255, -1, float("nan"), float("inf"), 1e-9))
    kinds = (
        np.uint8,
        np.uint8,
        np.float32,
        np.float64,
        np.float16,
        np.int64,
        np.bool_,
        np.uint16,
        np.complex64,
        np.str_,
    )
    with np.errstate(all="ignore"):
        array = (numbers * scale).astype(draw.choice(kinds))
    if draw.random() < 0.5 and array.dtype.kind in "biuf":
        return torch.from_numpy(np.asarray(array))
    return array
