"""One image, however it is given, as colours on a square of the size that an encoder wants."""

import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import DataError, InputError
from polytask.data.images.picture import read_picture

__all__ = ["image_square"]

_FINEST = 448  # pixels a side to which a file is reduced by averaging, before the finer filter


def image_square(item: Any, size: int, *, index: int) -> Tensor:
    """Return a whole image as colours from 0 to 1, ``[3, size, size]``.

    The longer side is squeezed as far as the shorter one, so that nothing is cut off. Sizes change by a
    bicubic filter that averages where it shrinks. Grey becomes three equal colours; what is transparent is
    seen on white.

    Args:
        item: A path, the bytes of an encoded image, a `PIL.Image.Image`, an array
            ``[height, width]`` or ``[height, width, channel]``, or a tensor ``[height, width]`` or
            ``[channel, height, width]``; of 1 or 3 channels, or 4 with the last one for opacity; whole
            numbers to 255 or floats from 0 to 1.
        size: Height and width.
        index: Which item it is, for messages.

    Raises:
        InputError: It is no such image.
        MissingPackageError: It is to be read by Pillow, which is not installed.
    """
    if isinstance(item, Tensor | np.ndarray):
        top = _top(item, index)
        colours = _colours(_channels(item, index), top, index)
    else:
        colours = _opened(item, index)
    if colours.shape[1:] != (size, size):
        resized = functional.interpolate(
            colours[None], (size, size), mode="bicubic", antialias=True, align_corners=False
        )
        colours = resized[0].clamp(0, 1)  # a bicubic filter swings over edges
    return colours


def _opened(item: Any, index: int) -> Tensor:
    """Read a file, reduced where it is large and at its own size where it is small."""
    if not isinstance(item, str | Path | bytes) and not hasattr(item, "size"):
        raise InputError(
            f"The item at index {index} must be an image: a path, bytes, a Pillow image or an array, but is "
            f"a {type(item).__name__}."
        )
    try:
        picture = read_picture(item, _side(item))
    except DataError as error:
        raise DataError(f"The item at index {index}: {error}") from error
    pixels = picture.pixels.astype(np.float32)  # [1 or 3, side, side], as seen on black
    if picture.gap is not None:
        pixels = pixels + picture.gap
    return torch.from_numpy(pixels / 255).clamp(0, 1).expand(3, -1, -1)


def _side(item: Any) -> int:
    """Return the longer side of an image, without decoding it, and at most the finest."""
    size = getattr(item, "size", None)
    if size is None:
        try:
            image_module = importlib.import_module("PIL.Image")
            with image_module.open(io.BytesIO(item) if isinstance(item, bytes) else item) as image:
                size = image.size
        except Exception:  # noqa: BLE001 - whatever a decoder raises; who reads it next says what is wrong
            return _FINEST
    return max(1, min(max(size), _FINEST))


def _channels(item: Tensor | np.ndarray, index: int) -> Tensor:
    """Return an array or a tensor as ``[channel, height, width]``."""
    last = isinstance(item, np.ndarray)
    values = torch.from_numpy(np.array(item, dtype=np.float32)) if last else item.detach().cpu().float()
    if values.ndim == 2:
        values = values[None]
    elif values.ndim == 3 and last:
        values = values.permute(2, 0, 1)
    if values.ndim != 3 or values.shape[0] not in (1, 3, 4) or 0 in values.shape:
        form = "[height, width, channel]" if last else "[channel, height, width]"
        raise InputError(
            f"The item at index {index} has shape {tuple(item.shape)}, but must be {form} with 1, 3 or 4 "
            "channels, or [height, width]."
        )
    return values


def _top(item: Tensor | np.ndarray, index: int) -> float:
    """Return what the brightest value is, by the type of the values."""
    kind = item.dtype.kind if isinstance(item, np.ndarray) else _torch_kind(item)
    if kind not in "fbiu":
        raise InputError(f"The item at index {index} has values of type {item.dtype}; use uint8 or float32.")
    return 1.0 if kind in "fb" else 255.0


def _torch_kind(item: Tensor) -> str:
    if item.is_complex():
        return "c"
    return "f" if item.is_floating_point() or item.dtype == torch.bool else "i"


def _colours(values: Tensor, top: float, index: int) -> Tensor:
    """Return ``[3, height, width]`` from 0 to 1; what is transparent is seen on white."""
    low, high = values.min().item(), values.max().item()
    if not (low >= 0 and high <= top):  # NaN as well
        raise InputError(
            f"The item at index {index} has values from {low:g} to {high:g}, but an image has whole numbers "
            "from 0 to 255, or floats from 0 to 1. Scale it."
        )
    values = values / top
    if len(values) == 4:
        opacity = values[3:]
        values = values[:3] * opacity + (1 - opacity)
    return values.expand(3, -1, -1)
