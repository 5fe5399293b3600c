"""Where a few-shot learner finds its known and its unseen classes."""

import itertools
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polytask.core import DataError, DataWarning, InputError
from polytask.core.files import user_path
from polytask.core.names import counted, either, near_names
from polytask.core.random import numpy_generator
from polytask.data import ImagePreparation, LabelledExamples, image_folder
from polytask.datasets import glyphs, omniglot

__all__ = ["IN_MEMORY", "ClassSplit", "class_split"]

IN_MEMORY = "examples"  # what they are called as a source

_BUILT_IN = {"glyphs": ("glyphs", glyphs), "omniglot": ("omniglot, Vinyals split", omniglot)}
_SIZE = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSplit:
    """Classes to train on, to validate with, and never seen.

    Args:
        name: Where they come from, for people.
        train: Known classes.
        validation: For early stopping.
        test: Unseen classes.
    """

    name: str
    train: LabelledExamples
    validation: LabelledExamples
    test: LabelledExamples

    @property
    def images(self) -> ImagePreparation:
        """How image files are read for a model that is trained on these."""
        return self.train.images or ImagePreparation.of(self.train.inputs)


def class_split(
    source: str | Path | LabelledExamples,
    *,
    size: int | None = None,
    seed: int,
    way: int = 2,
    channels: int | None = None,
    ground: Any = None,
) -> ClassSplit:
    """Load a source and split its classes.

    Args:
        source: ``"glyphs"`` (built in, split by script), ``"omniglot"`` (Vinyals split, rotations as
            classes), an image folder, or examples; the latter two are split 60/20/20 by group where every
            part gets enough classes so, else by class.
        size: Height and width of the images; None: 28, or that of the examples.
        seed: Governs the split of a folder.
        way: Classes that every part needs.
        channels: 1 to read a folder in grey, 3 in colour; None: 3 if an image has colour.
        ground: ``"dark"`` or ``"light"``, what the images of a folder show things on; None: as most do.

    Raises:
        InputError: The source is of another type, or its images are.
        DataError: The source is unknown, or has too few classes.

    Warns:
        DataWarning: Classes of one group are in several parts, or a folder has things that are left out.
    """
    if not isinstance(source, str | Path | LabelledExamples):
        table = " A table is learned by `polytask.fit`." if hasattr(source, "columns") else ""
        raise InputError(
            "Few-shot learning takes glyphs, omniglot, a folder of class folders, or LabelledExamples of "
            f"images, but not {type(source).__name__}.{table}"
        )
    is_folder = isinstance(source, str | Path) and source not in _BUILT_IN
    if not is_folder and (channels is not None or ground is not None):
        raise InputError("`channels` and `ground` say how a folder of images is read; this source has none.")
    if isinstance(source, LabelledExamples):
        return _split(IN_MEMORY, _images(source, size), seed=seed, way=way)
    if not is_folder:
        name, load = _BUILT_IN[str(source)]
        parts = [load(part, size=size or _SIZE) for part in ("train", "validation", "test")]
        return ClassSplit(name=name, train=parts[0], validation=parts[1], test=parts[2])
    folder = user_path(source)
    if not os.path.isdir(folder):  # noqa: PTH112 - False, not an error, where a path is impossible
        raise DataError(_no_source(source, folder))
    examples = image_folder(folder, size=size or _SIZE, channels=channels, ground=ground)
    return _split(str(source), examples, seed=seed, way=way)


def _no_source(source: str | Path, folder: Path) -> str:
    """Say which source may be meant by one that does not exist."""
    if folder.is_file():
        return f"{source} is a file. Give the folder that holds a folder of images for each class."
    beside: list[str] = []
    with suppress(OSError, ValueError):
        beside = [entry.name for entry in itertools.islice(folder.parent.iterdir(), 1000) if entry.is_dir()]
    near = near_names(folder.name, [*_BUILT_IN, *beside])
    meant = [name if name in _BUILT_IN else str(Path(source).parent / name) for name in near]
    hint = f" Did you mean {either([repr(name) for name in meant])}?" if near else ""
    return f"There is no source {source}.{hint} Give glyphs, omniglot, or a folder of class folders."


def _images(examples: LabelledExamples, size: int | None) -> LabelledExamples:
    """Check that examples are images of the size asked for, and bring them to uint8 or floats in [0, 1]."""
    preparation = examples.images or ImagePreparation.of(examples.inputs)
    if size is not None and size != preparation.size:
        raise InputError(
            f"`size` is {size}, but the examples are {preparation.size} x {preparation.size} images. Leave "
            "`size` out, or scale them."
        )
    return replace(examples, inputs=preparation.checked(examples.inputs), images=preparation)


def _split(name: str, examples: LabelledExamples, *, seed: int, way: int) -> ClassSplit:
    """Split by group if every part gets enough classes so, else by class."""
    n_classes = examples.n_classes
    if n_classes < 3 * way:
        lower = f"lower `way` to {n_classes // 3} or add classes" if n_classes >= 6 else "add classes"
        raise DataError(
            f"{name} has {counted(n_classes, 'class', 'classes')}, but `way` {way} needs at least "
            f"{3 * way}: {way} to train on, "
            f"{way} to validate with and {way} never seen; {lower}."
        )
    draw = numpy_generator(seed, "classes")
    groups = sorted(set(examples.class_groups))
    parts = None
    if 5 <= len(groups) < n_classes:
        members = {group: [] for group in groups}
        for index, group in enumerate(examples.class_groups):
            members[group].append(index)
        parts = _parts([members[groups[index]] for index in draw.permutation(len(groups))], n_classes, way)
        if parts is None:
            warnings.warn(
                f"{name}: its {len(groups)} groups cannot be split so that every part has {way} classes; "
                "classes of one group are now in several parts.",
                DataWarning,
                stacklevel=4,
            )
    if parts is None:
        parts = _parts([[int(index)] for index in draw.permutation(n_classes)], n_classes, way)
    if parts is None:
        raise RuntimeError("single classes can always be split")
    test, validation, train = (examples.of_classes(sorted(chosen)) for chosen in parts)
    return ClassSplit(name=name, train=train, validation=validation, test=test)


def _parts(units: list[list[int]], n_classes: int, way: int) -> list[list[int]] | None:
    """Deal units of classes out to test, validation and training; None if a part stays below ``way``."""
    n_held_out = max(1, len(units) // 5)
    parts: list[list[int]] = []
    position = 0
    for _ in range(2):
        part: list[int] = []
        taken = 0
        while position < len(units) and (taken < n_held_out or len(part) < way):
            part += units[position]
            position, taken = position + 1, taken + 1
        parts.append(part)
    parts.append([index for unit in units[position:] for index in unit])
    return parts if min(map(len, parts)) >= way and sum(map(len, parts)) == n_classes else None
