import functools
import gzip
import io
import os
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from polytask.core import DataError
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.datasets.omniglot_drawings import omniglot

Image = pytest.importorskip("PIL.Image")

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "omniglot").is_dir(),
    reason="POLYTASK_DATA names no folder with omniglot",
)

LISTS = {
    "train": ["Greek/character01/rot000", "Greek/character01/rot090", "Greek/character02/rot180"],
    "val": ["Magi/character01/rot000", "Magi/character01/rot270"],
    "test": ["Tengwar/character07/rot000"],
    "trainval": ["Greek/character01/rot000", "Magi/character01/rot000"],
}
SETS = {
    "images_background": [("Greek", "character01"), ("Greek", "character02"), ("Magi", "character01")],
    "images_evaluation": [("Tengwar", "character07")],
}


def drawing(number: int) -> np.ndarray:
    """Black ink on white, 105 x 105, in a corner of its own size: no symmetry at all."""
    pixels = np.full((105, 105), True)
    pixels[: 15 + 15 * number, :30] = False
    return pixels


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def members(name: str) -> dict[str, bytes]:
    found = {}
    for position, (alphabet, character) in enumerate(SETS[name]):
        for number in (1, 2):
            path = f"{name}/{alphabet}/{character}/{position:04d}_{number:02d}.png"
            found[path] = png(drawing(number + position))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "omniglot"
    (folder / "splits").mkdir(parents=True)
    for name, lines in LISTS.items():
        (folder / "splits" / f"vinyals_{name}.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


def write_zips(folder: Path) -> None:
    for name in SETS:
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for path, content in members(name).items():
                archive.writestr(path, content)
            archive.writestr(f"__MACOSX/{name}/Greek/character01/._0000_01.png", b"no picture")


def write_folders(folder: Path) -> None:
    for name in SETS:
        for path, content in members(name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


@functools.lru_cache
def real(part: str, split: Literal["vinyals", "background"]) -> LabelledExamples:
    return omniglot(part, split=split)


def of_class(examples: LabelledExamples, name: str) -> torch.Tensor:
    return examples.inputs[examples.labels == examples.class_names.index(name), 0]


def test_zips_and_extracted_folders_hold_the_same(folder):
    write_zips(folder)
    packed = omniglot("train", root=folder.parent)
    for name in SETS:
        (folder / f"{name}.zip").unlink()
    write_folders(folder)
    extracted = omniglot("train", root=folder.parent)
    assert torch.equal(packed.inputs, extracted.inputs)
    assert packed.class_names == extracted.class_names


@pytest.mark.parametrize(("part", "name"), [("train", "train"), ("validation", "val"), ("test", "test")])
def test_the_classes_are_those_of_the_list_in_its_order(folder, part, name):
    write_zips(folder)
    examples = omniglot(part, root=folder.parent, size=35)
    with_angle = any("rot000" not in line for line in LISTS[name])
    expected = LISTS[name] if with_angle else [line.removesuffix("/rot000") for line in LISTS[name]]
    assert list(examples.class_names) == expected
    assert list(examples.class_groups) == [line.split("/")[0] for line in LISTS[name]]
    assert examples.labels.tolist() == [label for label in range(len(expected)) for _ in range(2)]


def test_ink_is_255_on_0_and_drawings_are_not_resized_without_need(folder):
    write_folders(folder)
    examples = omniglot("train", root=folder.parent, size=105)
    expected = torch.zeros(105, 105, dtype=torch.uint8)
    expected[:30, :30] = 255
    assert torch.equal(of_class(examples, "Greek/character01/rot000")[0], expected)


def test_resizing_loses_no_ink(folder):
    pixels = np.full((105, 105), True)
    pixels[20:85:4, 20:85:4] = False  # single pixels, which sampling without averaging would skip
    write_folders(folder)
    (folder / "images_background/Greek/character01/0000_01.png").write_bytes(png(pixels))
    small = of_class(omniglot("train", root=folder.parent), "Greek/character01/rot000")[0].double() / 255
    assert small.mean().item() == pytest.approx((~pixels).mean(), rel=0.03)


def test_rot090_is_turned_counter_clockwise(folder):
    write_folders(folder)
    examples = omniglot("train", root=folder.parent, size=35)
    upright = of_class(examples, "Greek/character01/rot000")
    turned = of_class(examples, "Greek/character01/rot090")
    # Ink in the upper left corner comes to lie in the lower left one.
    assert torch.equal(turned, upright.rot90(1, (1, 2)))
    assert turned[0, -9:, :9].eq(255).all()
    assert of_class(examples, "Greek/character02/rot180")[0, -9:, -9:].eq(255).all()


def test_turning_before_or_after_resizing_is_the_same_to_one_grey_level(folder):
    pixels = np.random.default_rng(0).random((105, 105)) > 0.5
    write_folders(folder)
    path = folder / "images_background" / "Greek" / "character01"
    (path / "0000_01.png").write_bytes(png(pixels))
    (path / "0000_02.png").write_bytes(png(np.rot90(pixels)))
    examples = omniglot("train", root=folder.parent)
    turned = of_class(examples, "Greek/character01/rot090")[0].int()
    assert (turned - of_class(examples, "Greek/character01/rot000")[1].int()).abs().max() <= 1


def test_without_rotations_only_upright_classes_remain(folder):
    write_folders(folder)
    examples = omniglot("train", root=folder.parent, rotations=False)
    assert examples.class_names == ("Greek/character01",)


def test_the_background_split_needs_one_set_and_no_list(folder):
    write_folders(folder)
    for path in (folder / "splits").iterdir():
        path.unlink()
    for path in (folder / "images_evaluation").rglob("*.png"):
        path.unlink()
    examples = omniglot("background", root=folder.parent, split="background")
    assert examples.class_names == ("Greek/character01", "Greek/character02", "Magi/character01")
    assert len(omniglot("background", root=folder.parent, split="background", rotations=True)) == 4 * 6


def test_a_plain_list_is_read_too(folder):
    write_folders(folder)
    (folder / "splits" / "vinyals_val.txt.gz").unlink()
    (folder / "splits" / "vinyals_val.txt").write_text("\n".join(LISTS["val"]))
    assert list(omniglot("validation", root=folder.parent).class_names) == LISTS["val"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"part": "evaluation"}, "'evaluation'; the split 'vinyals' has train, validation, test, trainval"),
        ({"part": "train", "split": "background"}, "the split 'background' has background, evaluation"),
        ({"split": "lake"}, "`split` is 'lake'"),
        ({"size": 0}, "`size` must be at least 1"),
    ],
)
def test_an_unknown_argument_is_refused(folder, arguments, message):
    with pytest.raises(DataError, match=message):
        omniglot(root=folder.parent, **arguments)


def test_a_missing_set_is_named(folder):
    write_zips(folder)
    (folder / "images_evaluation.zip").unlink()
    with pytest.raises(DataError, match=r"images_evaluation.zip or the extracted folder .*brendenlake"):
        omniglot("train", root=folder.parent)


def test_a_truncated_zip_is_reported(folder):
    write_zips(folder)
    path = folder / "images_background.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"images_background.zip is no complete zip file"):
        omniglot("train", root=folder.parent)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        png(drawing(1))[:60],
        b"\x89PNG\r\n\x1a\n\0\0\0\4IHDR\0\0\0\x69\xc6\x60\x30\x9c",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\1\0\0\0\0\x3c\xb2\x36\xcb",
    ],
    ids=["empty", "no picture", "cut off", "half a header", "sky-high"],
)
def test_a_damaged_drawing_is_named(folder, content):
    write_folders(folder)
    (folder / "images_background/Greek/character01/0000_02.png").write_bytes(content)
    with pytest.raises(DataError, match=r"Greek/character01/0000_02.png in .* is damaged"):
        omniglot("train", root=folder.parent)


def test_a_damaged_drawing_in_a_zip_is_named(folder):
    write_zips(folder)
    path = folder / "images_background.zip"
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 0xFF  # the first drawing
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"Greek/character01/0000_01.png in .*zip is damaged"):
        omniglot("train", root=folder.parent)


def test_a_listed_character_that_is_absent_is_named(folder):
    write_folders(folder)
    for path in (folder / "images_background" / "Greek" / "character02").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"1 listed characters are not in .*Greek/character02"):
        omniglot("train", root=folder.parent)


def test_another_layout_is_refused(folder):
    write_folders(folder)
    (folder / "images_background").rename(folder / "elsewhere")
    (folder / "images_background" / "images_background").mkdir(parents=True)
    with pytest.raises(DataError, match=r"no drawing named images_background/<alphabet>"):
        omniglot("train", root=folder.parent)


def test_a_missing_list_is_named_with_the_split_that_needs_none(folder):
    write_folders(folder)
    (folder / "splits" / "vinyals_val.txt.gz").unlink()
    with pytest.raises(DataError, match=r'vinyals_val.txt.gz is missing.*split="background"'):
        omniglot("validation", root=folder.parent)


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(b"Greek/character01/rot000")[:-9]], ids=["no gzip", "cut off"]
)
def test_a_damaged_list_is_reported(folder, content):
    write_folders(folder)
    (folder / "splits" / "vinyals_val.txt.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"vinyals_val.txt.gz is damaged"):
        omniglot("validation", root=folder.parent)


@pytest.mark.parametrize("line", ["Greek/character01", "Greek/character01/rot045", "a/b/c/rot000"])
def test_a_line_that_names_no_class_is_quoted(folder, line):
    write_folders(folder)
    (folder / "splits" / "vinyals_val.txt.gz").write_bytes(gzip.compress(line.encode()))
    with pytest.raises(DataError, match=f"has the line '{line}'"):
        omniglot("validation", root=folder.parent)


def test_a_list_without_any_class_is_refused(folder):
    write_folders(folder)
    (folder / "splits" / "vinyals_val.txt.gz").write_bytes(gzip.compress(b"\n"))
    with pytest.raises(DataError, match=r"vinyals_val.txt.gz lists no class"):
        omniglot("validation", root=folder.parent)


@needs_data
@pytest.mark.parametrize(
    ("part", "split", "n_classes", "n_alphabets"),
    [
        pytest.param("train", "vinyals", 4112, 33, marks=pytest.mark.slow),
        ("validation", "vinyals", 688, 5),
        pytest.param("test", "vinyals", 1692, 13, marks=pytest.mark.slow),
        pytest.param("evaluation", "background", 659, 20, marks=pytest.mark.slow),
    ],
)
def test_the_real_set_has_the_published_counts(part, split, n_classes, n_alphabets):
    examples = real(part, split)
    assert examples.inputs.shape == (20 * n_classes, 1, 28, 28)
    assert examples.labels.bincount().tolist() == [20] * n_classes
    assert len(set(examples.class_groups)) == n_alphabets


@needs_data
@pytest.mark.slow
def test_the_real_parts_share_no_character():
    parts = [
        {name.rpartition("/")[0] for name in real(part, "vinyals").class_names}
        for part in ("train", "validation", "test")
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1623
