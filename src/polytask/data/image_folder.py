"""Images in folders: one folder a class."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataError, MissingPackageError
from polytask.data.examples import LabelledExamples

__all__ = ["image_files", "image_folder", "read_images"]

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def image_folder(directory: str | Path, *, size: int = 28) -> LabelledExamples:
    """Read ``CLASS/image.png`` or ``GROUP/CLASS/image.png`` as ink on an empty ground.

    Args:
        directory: The folder that holds the class folders, or the group folders.
        size: Height and width to which the images are scaled.

    Returns:
        Images uint8 ``[example, 1, size, size]``, bright ink on 0. A class's group is its parent folder's
        name, or its own where there are no groups.

    Raises:
        DataError: There is no such folder, no class in it, or a file is no readable image.
    """
    root = Path(directory)
    if not root.is_dir():
        raise DataError(
            f"There is no image folder {root}. Give a folder with one folder of images per class."
        )
    classes = sorted({file.parent for file in image_files(root)} - {root})
    if not classes:
        raise DataError(
            f"{root} has no folders with images. Put the images of each class into a folder of its own."
        )
    files = [image_files(folder, recursive=False) for folder in classes]
    labels = [index for index, found in enumerate(files) for _ in found]
    return LabelledExamples(
        inputs=read_images([file for found in files for file in found], size=size),
        labels=torch.tensor(labels),
        class_names=tuple(folder.relative_to(root).as_posix() for folder in classes),
        class_groups=tuple(
            (folder.parent if folder.parent != root else folder).relative_to(root).as_posix()
            for folder in classes
        ),
    )


def image_files(path: str | Path, *, recursive: bool = True) -> list[Path]:
    """List the image files of a folder in a fixed order; an image file alone is a list of one."""
    root = Path(path)
    if root.is_file():
        return [root]
    found = root.rglob("*") if recursive else root.glob("*")
    return sorted(file for file in found if file.suffix.lower() in _ENDINGS and not file.name.startswith("."))


def read_images(files: Sequence[str | Path | bytes], *, size: int = 28) -> Tensor:
    """Read images as uint8 ``[image, 1, size, size]``, bright ink on 0.

    An image brighter than mid-grey on average is taken for dark ink on a light ground and inverted.

    Args:
        files: Paths, or the bytes of encoded images.
        size: Height and width to which the images are scaled.

    Raises:
        DataError: A file is no readable image; it is named.
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingPackageError("pillow", extra="images", purpose="reading images") from error
    images = np.zeros((len(files), 1, size, size), dtype=np.uint8)
    for row, file in enumerate(files):
        try:
            with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
                grey = image.convert("L")
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            name = "an image" if isinstance(file, bytes) else str(file)
            raise DataError(f"{name} is no readable image ({error}). Remove or replace the file.") from error
        pixels = np.asarray(grey.resize((size, size), Image.Resampling.BOX))
        images[row, 0] = 255 - pixels if np.asarray(grey).mean() > 127 else pixels
    return torch.from_numpy(images)
