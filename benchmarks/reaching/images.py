"""``polytask learn``, ``adapt`` and ``predict`` on images as people have them, and on wrong ones."""

import io
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from reaching.runs import Run, asked

__all__ = ["image_commands", "plain_images"]


def plain_images(folder: Path) -> None:
    """Write ``images`` with twelve classes, and ``support`` with two images of each of three classes."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for name, classes, n_images in (("images", 12, 14), ("support", 3, 2)):
        for number in range(classes):
            place = folder / name / f"class{number}"
            place.mkdir(parents=True)
            for index in range(n_images):
                pixels = draw.integers(0, 90, (16, 16)) + 160 * (
                    np.indices((16, 16)).sum(0) % (number + 2) == 0
                )
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{index}.png")


def image_commands(folder: Path) -> Iterator[Run]:
    """Yield what a user does with images."""
    plain_images(folder)
    yield from _everything(folder)
    yield from _formats(folder)
    yield from _wrong(folder)
    yield Run("a few-shot model is given images in memory", partial(_in_memory, folder))


def _everything(folder: Path) -> Iterator[Run]:
    """Learn with every learner, adapt, and predict."""
    from polytask.meta import learner_names

    short = ("--way", "3", "--test-episodes", "3", "--steps", "2", "--size", "16", "--width", "4", "--quiet")
    for name in learner_names():
        few = ("--inner-steps", "2") if "maml" in name else ()
        yield asked(
            *("learn", folder / "images", *short, "-o", folder / f"few-{name}", "--learner", name, *few)
        )
    for name in ("prototypes", "maml", "simple-shot"):
        yield asked("adapt", folder / f"few-{name}", folder / "support", "-o", folder / f"adapted-{name}")
        yield asked(
            *("predict", folder / f"adapted-{name}", folder / "images" / "class0"),
            *("-o", folder / "classes.csv"),
        )
    for _ in range(2):
        yield asked(
            *("learn", "glyphs", "-o", folder / "glyphs", "--steps", "2", "--test-episodes", "3"),
            *("--resume-folder", folder / "resumed-glyphs"),
        )


def _formats(folder: Path) -> Iterator[Run]:
    """Learn from photos, drawings and scans of all kinds in one folder."""
    pictures = folder / "pictures"
    for number in range(9):
        place = pictures / f"class{number}"
        place.mkdir(parents=True)
        for name, picture, options in _of_all_kinds(number):
            picture.save(place / name, **options)
        (place / "notes.txt").write_text("no image")
        (place / ".hidden.png").write_bytes(b"")
    (pictures / "empty").mkdir()
    shutil.copytree(pictures / "class2", pictures / "class0" / "deeper")
    (pictures / "class0" / "linked").symlink_to(pictures / "class1")
    short = ("--way", "3", "--test-episodes", "3", "--steps", "2", "--size", "16", "--width", "4")
    learn = ("learn", pictures, *short)
    yield asked(*learn, "-o", folder / "coloured", "--channels", "3", says="left out")
    yield asked(*learn, "-o", folder / "grey", "--channels", "1", says="only the brightness is used")
    yield asked(*learn, "-o", folder / "inverted", "--ground", "light", "--learner", "maml++")
    yield asked("adapt", folder / "coloured", folder / "support", "-o", folder / "adapted-coloured")
    yield asked(
        *("predict", folder / "adapted-coloured", pictures / "class0" / "turned.jpg"),
        *("-o", folder / "turned.csv"),
    )


def _of_all_kinds(number: int) -> list[tuple[str, Any, dict[str, Any]]]:
    """Draw a picture of a class in the formats, modes and sizes that files have."""
    from PIL import Image

    place = np.indices((24, 20)).sum(0) % (number + 2) == 0
    grey = Image.fromarray((place * 200 + 20).astype(np.uint8))
    colour = Image.merge("RGB", [grey, grey.rotate(180), Image.new("L", grey.size, 30)])
    clear = colour.convert("RGBA")
    clear.putalpha(Image.fromarray((~place * 255).astype(np.uint8)))
    deep = Image.fromarray((place * 60000).astype(np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    return [
        ("grey.png", grey, {}),
        ("colour.jpg", colour, {}),
        ("turned.jpg", colour, {"exif": turned}),
        ("clear.png", clear, {}),
        ("clear-grey.png", clear.convert("LA"), {}),
        ("palette.gif", colour.convert("P"), {}),
        ("moving.gif", grey, {"save_all": True, "append_images": [grey.rotate(90)]}),
        ("deep.png", deep, {}),
        ("dim.png", Image.fromarray((place * 3000).astype(np.uint16)), {}),
        ("keyed.png", deep, {"transparency": 0}),
        ("float.tif", Image.fromarray(place.astype(np.float32)), {}),
        ("line.bmp", grey.convert("1"), {}),
        ("large.jpg", colour.resize((1200, 1000)), {}),
        ("large.png", grey.resize((1200, 1000)), {}),
    ]


def _wrong(folder: Path) -> Iterator[Run]:
    """Mistype, or give what holds no images."""
    short = ("--test-episodes", "3", "--steps", "2", "-o", folder / "wrong")
    for told, source, options in (
        ("There is no", folder / "nowhere", ()),
        ("prototypes", folder / "images", ("--learner", "prototype")),
        ("--way", folder / "images", ("--way", "30")),
        ("--shot", folder / "images", ("--shot", "0", "--size", "4000", "--channels", "2")),
        ("is not used with", folder / "images", ("--inner-rate", "0.1")),
        ("train", folder / "images", ("--learner", "anil", "--train-way", "4")),
        ("glyphs", "glyps", ()),
    ):
        yield asked("learn", source, *short, *options, code=2, says=told)
    bad = folder / "bad"
    shutil.copytree(folder / "images", bad)
    (bad / "class0" / "0.png").write_bytes(b"no image")
    yield asked("learn", bad, *short, code=2, says="is no readable image")
    lone = folder / "lone"
    shutil.copytree(folder / "support", lone)
    (lone / "class3").mkdir()
    few = folder / "few-prototypes"
    yield asked("adapt", few, lone, "-o", folder / "adapted-lone", says="left out")
    yield asked("adapt", few, folder / "nowhere", "-o", folder / "wrong", code=2, says="There is no")
    yield asked("adapt", few, folder / "support", "-o", few, code=2, says="would be lost")
    yield asked("adapt", folder / "adapted-maml", lone, "-o", folder / "wrong", code=2, says="is needed here")
    answers = ("-o", folder / "classes.csv")
    yield asked("predict", few, lone, *answers, code=2, says="knows no classes yet")
    yield asked("predict", folder / "adapted-maml", lone / "class3", *answers, code=2, says="no image")


def _in_memory(folder: Path) -> None:
    """Adapt to examples, and predict files, bytes, Pillow's images, arrays and tensors: all alike."""
    import pandas as pd
    import torch
    from PIL import Image

    import polytask
    from polytask.core import DataError, InputError
    from polytask.data import image_folder
    from polytask.models import FewShotModel

    model = polytask.load(folder / "few-prototypes")
    if not isinstance(model, FewShotModel):
        raise TypeError("a folder of `learn` holds a few-shot model")
    adapted = model.adapt(folder / "support")
    files = sorted((folder / "support" / "class0").glob("*.png"))
    expected = adapted.predict(files)["class"].tolist()
    contents = [file.read_bytes() for file in files]
    opened = [Image.open(io.BytesIO(content)) for content in contents]
    pixels = np.stack([np.asarray(image) for image in opened])[:, None]
    alike = {
        "a folder": folder / "support" / "class0",
        "texts": [str(file) for file in files],
        "a column": pd.Series([str(file) for file in files]),
        "bytes": contents,
        "byte arrays": [bytearray(content) for content in contents],
        "open files": [io.BytesIO(content) for content in contents],
        "images of Pillow": opened,
        "an array": pixels,
        "a tensor": torch.from_numpy(pixels.copy()),
        "floats": torch.from_numpy(pixels / 255),
        "a list of arrays": list(pixels),
    }
    for name, images in alike.items():
        found = adapted.predict(images)["class"].tolist()
        if found != expected:
            raise AssertionError(f"{name}: {found}, but of the files {expected}")
    examples = image_folder(folder / "support", size=16)
    if (
        model.adapt(examples).predict(examples)["class"].tolist()
        != adapted.predict(image_folder(folder / "support", size=16))["class"].tolist()
    ):
        raise AssertionError("the examples of a folder are not the folder")
    for wrong in (pixels[:, 0], pixels.transpose(0, 2, 3, 1), pixels.astype(int), pixels * 2.0, [1], {}, []):
        try:
            adapted.predict(wrong)
        except (InputError, DataError):
            continue
        raise AssertionError(f"{type(wrong).__name__} was taken for images")
