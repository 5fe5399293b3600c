"""What a few-shot model is given, in all its forms, as images in memory."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError, DataWarning, InputError, user_path
from polytask.data import ImagePreparation, LabelledExamples, image_files, image_folder
from polytask.data.picture import printable

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
    if isinstance(images, Tensor | np.ndarray):
        tensor = prepared.checked(images)
        if not len(tensor):
            raise DataError("There is no image to predict.")
        return tensor, pd.RangeIndex(len(tensor))
    nothing = "There is no image to predict."
    if isinstance(images, str | Path):
        files: list[Any] = list(image_files(images))
        nothing = f"There is no image in {printable(images)}."
    else:
        files = _listed(images)
    if not files:
        raise DataError(nothing)
    tensor, used = prepared.read(files)
    if prepared.ground is None:
        warnings.warn(
            f"The support held no image files, so that the ground of these {len(files)} was decided by "
            f"themselves: it is {used.ground}. Adapt to a folder of images, whose ground is then kept.",
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


def _listed(images: Any) -> list[Any]:
    """Return a list of what can be read as one image each."""
    kinds: tuple[type, ...] = (str, bytes, os.PathLike)
    try:
        from PIL.Image import Image

        kinds = (*kinds, Image)
    except ImportError:  # then nobody has such an image
        pass
    if isinstance(images, kinds):
        images = [images]
    listed = list(images) if isinstance(images, Sequence) else None
    if listed is not None and all(isinstance(image, kinds) for image in listed):
        return [user_path(Path(image)) if isinstance(image, str | os.PathLike) else image for image in listed]
    raise InputError(
        "`predict` takes an image file, a folder, a list of image files, or a tensor or array of images, but "
        f"not {type(images).__name__}{'' if listed is None else ' of something else'}."
    )
