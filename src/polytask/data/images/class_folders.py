"""Images in folders: one folder a class."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from polytask.core import DataError
from polytask.core.files import user_path
from polytask.core.names import counted
from polytask.core.warned import warn_all
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.images.image_paths import find_images
from polytask.data.images.image_preparation import Ground, ImagePreparation
from polytask.data.images.picture import ImageFile, printable

__all__ = ["image_folder", "read_images"]

_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}


def image_folder(
    directory: str | Path,
    *,
    size: int = 28,
    channels: int | None = None,
    ground: Ground | None = None,
    preparation: ImagePreparation | None = None,
) -> LabelledExamples:
    """Read ``CLASS/image.png`` or ``GROUP/CLASS/image.png``, all images in the same way.

    Linked folders are followed; hidden ones are no classes. Images on a light ground, also photos in colour,
    are inverted, all or none: to a model that learns and answers through this function it makes no
    difference, and images in memory can be brought to the same form by ``255 - images``.

    Args:
        directory: The folder that holds the class folders, or the group folders.
        size: Height and width to which the images are scaled.
        channels: 1 for grey, 3 for colour; None: 3 if an image has colour.
        ground: Whether the images show things on a ``"dark"`` or on a ``"light"`` ground; None: as most of
            them do.
        preparation: How a model reads images, instead of the three above.

    Returns:
        Images uint8 ``[example, channel, size, size]`` with the preparation that was used. A class's group is
        its parent folder's name, or its own where there are no groups.

    Raises:
        DataError: There is no such folder, no class in it, or a file is no readable image.

    Warns:
        DataWarning: Class folders or files are left out, something of the images is not seen, or folders
            count as classes that look like parts of a split or of a class.
    """
    wanted = preparation or ImagePreparation.asked(size=size, channels=channels, ground=ground)
    root = user_path(directory)
    try:
        found = find_images(root)
    except DataError as error:
        raise DataError(f"{error} Give a folder with one folder of images per class.") from error
    loose = found.images.pop(root, [])
    found.left_out += loose
    if not found.images:
        raise DataError(
            f"{printable(root)} has no folders with images. Put the images of each class into a folder "
            "of its own."
        )
    found.warn(what="class folder")
    classes = sorted(found.images)
    _warn_of_classes(classes, root)
    images, used = wanted.read([file for folder in classes for file in found.images[folder]])
    return LabelledExamples(
        inputs=images,
        labels=torch.tensor([index for index, folder in enumerate(classes) for _ in found.images[folder]]),
        class_names=tuple(_name(folder, root) for folder in classes),
        class_groups=tuple(
            _name(folder.parent if folder.parent != root else folder, root) for folder in classes
        ),
        images=used,
    )


def read_images(
    files: Sequence[ImageFile],
    *,
    size: int = 28,
    channels: int | None = None,
    ground: Ground | None = None,
) -> Tensor:
    """Read images in one way, uint8 ``[image, channel, size, size]``; on a light ground they are inverted.

    Args:
        files: Paths, the bytes of encoded images, or `PIL.Image.Image`.
        size: As for `image_folder`, like the rest.
        channels: 1 or 3.
        ground: ``"dark"`` or ``"light"``.

    Raises:
        DataError: A file is no readable image, or too large; it is named.
        MissingPackageError: Pillow is not installed.
    """
    return ImagePreparation.asked(size=size, channels=channels, ground=ground).read(files)[0]


def _warn_of_classes(classes: Sequence[Path], root: Path) -> None:
    """Say that the parts of a split are read as groups, or that a class lies inside another one."""
    tops = sorted({_name(folder, root).partition("/")[0] for folder in classes})
    notes = []
    if len(tops) > 1 and {top.lower() for top in tops} <= _PARTS:
        notes.append(
            f"The folders {', '.join(tops)} look like the parts of a split, but the classes in them count as "
            "different ones, also where they have one name. Give one of these folders."
        )
    inside = [folder for folder in classes if not set(classes).isdisjoint(folder.parents)]
    if inside:
        notes.append(
            f"{counted(len(inside), 'folder')} inside class folders "
            f"{'counts as a class of its own' if len(inside) == 1 else 'count as classes of their own'} "
            f"(e.g. "
            f"{_name(inside[0], root)}). Put each class into a folder beside the others."
        )
    warn_all(notes, stacklevel=3)


def _name(folder: Path, root: Path) -> str:
    return printable(folder.relative_to(root).as_posix())
