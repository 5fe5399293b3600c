"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawings each."""

import gzip
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from polytask.core import DataError
from polytask.core.doors import by_door
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.datasets.formats.omniglot_files import Character, Resized, open_drawings
from polytask.datasets.location import data_folder

__all__ = ["omniglot"]

_Split = Literal["vinyals", "background"]
_SETS = ("images_background", "images_evaluation")
_LISTS = {"train": "train", "validation": "val", "test": "test", "trainval": "trainval"}
_PARTS: dict[_Split, tuple[str, ...]] = {"vinyals": tuple(_LISTS), "background": ("background", "evaluation")}
_N_NAMES = 5  # how many classes a message names

_Class = tuple[Character, int]
"""A character and by how many degrees it is turned."""


def omniglot(
    part: str = "train",
    *,
    root: str | Path | None = None,
    split: _Split = "vinyals",
    size: int = 28,
    rotations: bool | None = None,
) -> LabelledExamples:
    """Load Omniglot from its official files.

    The folder ``root / "omniglot"`` holds ``images_background.zip`` and ``images_evaluation.zip``, or the
    folders that they contain. The split ``"vinyals"`` also needs ``splits/vinyals_train.txt.gz``,
    ``vinyals_val.txt.gz``, ``vinyals_test.txt.gz`` and ``vinyals_trainval.txt.gz`` (or plain ``.txt``) with
    lines such as ``Gurmukhi/character42/rot090``.

    Drawings of 105 x 105 pixels are reduced with Pillow's ``BILINEAR`` filter, which averages with triangular
    weights over the area that a pixel covers and half of its neighbours': no ink is skipped, and nothing
    rings as with ``LANCZOS``. Turned characters are classes of their own; ``rot090`` is turned
    counter-clockwise by 90 degrees, as `torch.rot90` does.

    Args:
        part: Of the split ``"vinyals"``: ``"train"`` (1,028 characters), ``"validation"`` (172), ``"test"``
            (423) or ``"trainval"``. Of ``"background"``: ``"background"`` (964, 30 alphabets) or
            ``"evaluation"`` (659, 20 alphabets).
        root: See `data_folder`.
        split: ``"vinyals"`` divides characters, ``"background"`` divides alphabets as the data's authors do.
        size: Height and width of the images.
        rotations: Whether to have each character in four rotations. None means as published: yes in
            ``"vinyals"``, no in ``"background"``.

    Returns:
        uint8 ``[example, 1, size, size]``, ink 255 on 0; the group of a class is its alphabet.

    Raises:
        DataError: An argument is unknown, a file is missing, damaged or laid out in another way, or a listed
            character is in neither set.
        MissingPackageError: ``pillow`` is not installed.

    References:
        Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program
        induction", Science 350(6266), 2015. Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, "Matching
        networks for one shot learning", NeurIPS 2016, arXiv:1606.04080; the lists are those of Snell,
        Swersky, Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017, arXiv:1703.05175. Both
        papers make new classes by turning characters by multiples of 90 degrees; by which filter they reduce
        the drawings they do not say.
    """
    _check(part, split, size)
    folder = data_folder("omniglot", root)
    if split == "vinyals":
        classes = _listed(folder / "splits" / f"vinyals_{_LISTS[part]}.txt.gz")
        if rotations is False:
            classes = [(character, angle) for character, angle in classes if angle == 0]
        return _load(folder, _SETS, classes, size)
    angles = (0, 90, 180, 270) if rotations else (0,)
    name = f"images_{part}"
    with open_drawings(folder, name, size) as (characters, _):
        classes = [(character, angle) for character in characters for angle in angles]
    return _load(folder, [name], classes, size)


def _check(part: str, split: _Split, size: int) -> None:
    if split not in get_args(_Split):
        raise DataError(f"`split` is {split!r}; use one of {', '.join(get_args(_Split))}.")
    if part not in _PARTS[split]:
        raise DataError(f"`part` is {part!r}; the split {split!r} has {', '.join(_PARTS[split])}.")
    if size < 1:
        raise DataError(f"`size` must be at least 1 pixel, got {size}.")


def _listed(path: Path) -> list[_Class]:
    """Read a class list of Vinyals' split."""
    plain = path.with_suffix("")
    if not path.is_file() and not plain.is_file():
        otherwise = by_door(python=', or use split="background", which needs no list', command="")
        raise DataError(
            f"The class list {path} is missing (so is {plain.name}). Get it from "
            f"https://github.com/jakesnell/prototypical-networks (data/omniglot/splits/vinyals){otherwise}."
        )
    found = path if path.is_file() else plain
    try:
        content = gzip.decompress(found.read_bytes()) if found is path else found.read_bytes()
        lines = content.decode("utf-8").split()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"The class list {found} is damaged ({error}); get it again.") from error
    if not lines:
        raise DataError(f"The class list {found} lists no class; get it again.")
    return [_parsed(line, found) for line in lines]


def _parsed(line: str, path: Path) -> _Class:
    match line.split("/"):
        case [alphabet, character, "rot000" | "rot090" | "rot180" | "rot270" as angle]:
            return (alphabet, character), int(angle[3:])
    raise DataError(
        f"{path} has the line {line!r}; a line is <alphabet>/<character>/rot<000, 090, 180 or 270>."
    )


def _load(folder: Path, sets: Sequence[str], classes: Sequence[_Class], size: int) -> LabelledExamples:
    wanted = {character for character, _ in classes}
    drawings: dict[Character, np.ndarray] = {}  # [drawing, size, size]
    with ExitStack() as stack:
        readers: dict[Character, Resized] = {}
        for name in sets:
            characters, resized = stack.enter_context(open_drawings(folder, name, size))
            readers.update(dict.fromkeys(characters, resized))
        missing = sorted(wanted - set(readers))
        if missing:
            named = ", ".join("/".join(character) for character in missing[:_N_NAMES])
            raise DataError(
                f"{len(missing)} listed characters are not in {' or '.join(sets)} in {folder}, e.g. {named}. "
                "Use the complete official files."
            )
        for character in wanted:
            drawings[character] = readers[character](character)
    # The filter is symmetric, so turning after resizing is turning before it, at a fraction of the cost.
    turned = [np.rot90(drawings[character], angle // 90, axes=(1, 2)) for character, angle in classes]
    n_drawings = torch.tensor([len(images) for images in turned])
    with_angle = any(angle for _, angle in classes)
    return LabelledExamples(
        inputs=torch.from_numpy(np.concatenate(turned)).unsqueeze(1),  # [example, 1, size, size]
        labels=torch.arange(len(classes)).repeat_interleave(n_drawings),
        class_names=tuple("/".join(c) + (f"/rot{angle:03d}" if with_angle else "") for c, angle in classes),
        class_groups=tuple(alphabet for (alphabet, _), _ in classes),
    )
