"""What a few-shot model is given, in all its forms, as images in memory."""

import io
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataError, DataWarning, InputError
from polytask.core.files import user_path
from polytask.core.names import counted
from polytask.data import ImagePreparation, LabelledExamples, image_folder
from polytask.data.images.image_paths import image_files
from polytask.data.images.picture import printable

__all__ = ["read_queries", "read_support"]


def read_support(support: Any, prepared: ImagePreparation) -> tuple[LabelledExamples, ImagePreparation]:
    """Return a support set, and how images like its own are read.

    Args:
        support: A folder with one folder of images per class, or examples.
        prepared: How the model reads images.

    Raises:
        InputError: It is something else, or its images have another size or type.
        DataError: A class has no image, or the name of another.

    Warns:
        DataWarning: Examples were read from files in another way than the training images.
    """
    if isinstance(support, str | Path):
        examples = image_folder(support, preparation=prepared)
    elif isinstance(support, LabelledExamples):
        examples = _alike(support, prepared)
        if examples.images is None:
            prepared.warn_of_negatives(prepared.checked(examples.inputs), stacklevel=4)
    else:
        raise InputError(
            "`adapt` takes a folder with one folder of images per class, or LabelledExamples, but not "
            f"{type(support).__name__}."
        )
    names = examples.class_names
    counts = examples.labels.bincount(minlength=len(names)).tolist()
    missing = [name for name, count in zip(names, counts, strict=True) if not count]
    double = sorted({name for name in names if names.count(name) > 1})
    if missing or double:
        what = "has no image of" if missing else "has two classes of the same name:"
        raise DataError(f"The support {what} {', '.join((missing or double)[:5])}.")
    return replace(examples, inputs=prepared.checked(examples.inputs)), examples.images or prepared


def read_queries(images: Any, prepared: ImagePreparation) -> tuple[Tensor, pd.Index]:
    """Return images to predict, at least one, and what they are called.

    Args:
        images: See `polytask.estimators.AdaptedModel.predict`.
        prepared: How the support was read.

    Raises:
        InputError: They are something else, or have another size or type.
        DataError: There is no image, or one cannot be read.

    Warns:
        DataWarning: Nothing but these files says what their ground is.
    """
    nothing = "There is no image to predict."
    given = _plain(images)
    if isinstance(given, Tensor | np.ndarray):
        tensor = prepared.checked(given)
        if not len(tensor):
            raise DataError(nothing)
        prepared.warn_of_negatives(tensor, stacklevel=4)
        return tensor, pd.RangeIndex(len(tensor))
    if isinstance(given, str | Path):
        files: list[Any] = list(image_files(given))
        nothing = f"There is no image in {printable(given)}."
    else:
        files = _files(given)
    if not files:
        raise DataError(nothing)
    tensor, used = prepared.read(files)
    if prepared.ground is None:
        warnings.warn(
            f"The support held no image files, so that the ground of {counted(len(files), 'file')} was "
            f"decided "
            f"without it: it is {used.ground}. Adapt to a folder of images, whose ground is then kept.",
            DataWarning,
            stacklevel=3,
        )
    if all(isinstance(file, str | Path) for file in files):
        return tensor, pd.Index([printable(file) for file in files], name="file")
    return tensor, pd.RangeIndex(len(files))


def _alike(support: LabelledExamples, prepared: ImagePreparation) -> LabelledExamples:
    """Bring examples that were read from files in grey to a model that reads colour; note another ground."""
    images = support.images
    if images is None:
        return support
    if (images.ground, images.inverted) != (
        prepared.ground,
        prepared.inverted,
    ) and prepared.ground is not None:
        warnings.warn(
            f"The support was read {_ground(images)}, but the training images {_ground(prepared)}. Give the "
            "folder itself to `adapt`, and it is read as they were.",
            DataWarning,
            stacklevel=4,
        )
    if images.size == prepared.size and (images.channels, prepared.channels) == (1, 3):
        colour = replace(images, channels=3)
        return replace(support, inputs=support.inputs.expand(-1, 3, -1, -1), images=colour)
    return support


def _ground(images: ImagePreparation) -> str:
    return f"as things on a {images.ground} ground{', inverted' if images.inverted else ''}"


def _plain(images: Any) -> Any:
    """Return a tensor or an array of images, a path, or a list, whatever these are wrapped in."""
    if isinstance(images, LabelledExamples):
        return images.inputs
    if isinstance(images, pd.Series | pd.Index) or (
        isinstance(images, np.ndarray) and images.dtype.kind in "OU" and images.ndim <= 1
    ):
        return np.atleast_1d(np.asarray(images, dtype=object)).tolist()
    if isinstance(images, str | Path | Tensor | np.ndarray) or _is_file(images):
        return images
    if isinstance(images, Iterable) and not isinstance(images, Mapping | pd.DataFrame):
        listed = list(images)
        if listed and all(isinstance(image, Tensor | np.ndarray) for image in listed):
            shapes = sorted({tuple(image.shape) for image in listed})
            if len(shapes) > 1:
                raise InputError(f"The images in memory have different shapes: {shapes[0]} and {shapes[1]}.")
            return torch.stack([torch.as_tensor(np.asarray(image)) for image in listed])
        return listed
    return images


def _files(images: Any) -> list[Any]:
    """Return a list of what can be read as one image each."""
    listed = [images] if _is_file(images) else images
    if isinstance(listed, list) and all(_is_file(image) for image in listed):
        return [_file(image) for image in listed]
    raise InputError(
        "`predict` takes an image file, a folder, a list of image files, or a tensor or array of images, but "
        f"not {type(images).__name__}{' of something else' if isinstance(images, list) else ''}."
    )


def _is_file(image: Any) -> bool:
    """Whether this is one image: its path, its bytes, an open file of them, or Pillow's."""
    try:
        from PIL.Image import Image
    except ImportError:  # then nobody has such an image
        return isinstance(image, str | bytes | bytearray | os.PathLike | io.IOBase)
    return isinstance(image, str | bytes | bytearray | os.PathLike | io.IOBase | Image)


def _file(image: Any) -> Any:
    if isinstance(image, str | os.PathLike):
        return user_path(Path(image))
    if not isinstance(image, io.IOBase):
        return bytes(image) if isinstance(image, bytearray) else image
    content = image.read()
    if not isinstance(content, bytes):
        raise InputError("An open image file must be opened for bytes: `open(path, 'rb')`.")
    return content
