"""MNIST from its official files, or from ``mnist.npz``."""

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from polytask.core import DataError
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.datasets.location import data_folder

__all__ = ["mnist"]

_Part = Literal["train", "test"]
_IDX_STEMS = {"train": "train", "test": "t10k"}
_IDX_UINT8 = 8  # the type byte of an idx file


def mnist(part: _Part, root: str | Path | None = None) -> LabelledExamples:
    """Load handwritten digits: 60,000 for training, 10,000 for testing.

    The folder ``root / "mnist"`` holds either ``mnist.npz`` (arrays ``x_train``, ``y_train``, ``x_test``,
    ``y_test``) or the official ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with or without ``.gz``.

    Args:
        part: ``"train"`` or ``"test"``.
        root: See `data_folder`.

    Returns:
        uint8 ``[example, 1, 28, 28]``, ink 255 on 0; the class is the digit.

    Raises:
        DataError: The folder or a file is missing, or a file is damaged.

    References:
        LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
        Proceedings of the IEEE 86(11), 1998.
    """
    if part not in get_args(_Part):
        raise DataError(f"`part` is {part!r}; MNIST has 'train' and 'test'.")
    folder = data_folder("mnist", root)
    archive = folder / "mnist.npz"
    images, labels = _from_npz(archive, part) if archive.is_file() else _from_idx(folder, part)
    if images.dtype != np.uint8 or images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"MNIST in {folder}: images are {images.dtype} {images.shape} and labels {labels.shape}, but "
            "they should be uint8 [example, row, column] and [example]. Get the official files again."
        )
    return LabelledExamples(
        inputs=torch.from_numpy(images).unsqueeze(1),  # [example, 1, row, column]
        labels=torch.from_numpy(labels.astype(np.int64)),
        class_names=tuple("0123456789"),
        class_groups=("digit",) * 10,
    )


def _from_npz(path: Path, part: _Part) -> tuple[np.ndarray, np.ndarray]:
    try:
        # Opened here, since `np.load` leaves the file of a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays[f"x_{part}"], arrays[f"y_{part}"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read as MNIST: {error}. It should hold x_train, y_train, x_test and y_test; "
            "get it again."
        ) from error


def _from_idx(folder: Path, part: _Part) -> tuple[np.ndarray, np.ndarray]:
    stem = _IDX_STEMS[part]
    names = (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
    found = [_with_or_without_gz(folder / name) for name in names]
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{folder} has neither mnist.npz nor {' and '.join(missing)} (plain or .gz). Get the official "
            "files from https://ossci-datasets.s3.amazonaws.com/mnist/."
        )
    images, labels = (_read_idx(path) for path in found if path is not None)
    return images, labels


def _with_or_without_gz(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def _read_idx(path: Path) -> np.ndarray:
    """Read an idx file: two zero bytes, type, number of dimensions, sizes as big-endian int32, values."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}); get it again.") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, _IDX_UINT8]):
        raise DataError(f"{path} is no idx file of bytes; get the official file again.")
    start = 4 + 4 * content[3]
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">i4"))
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{path} announces {shape}, {math.prod(shape)} values, but has "
            f"{len(content) - start}; get it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()
