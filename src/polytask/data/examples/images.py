"""Images in their colours and proportions, out of files, bytes and arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np

from polytask.core import DataError
from polytask.data.images.picture import Decoded, ImageFile, decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LONGEST_SIDE", "image_of_array", "is_picture", "read_image"]

LONGEST_SIDE = 512
"""Pixels; larger images are scaled down to it."""

ANIMATED = "Several pictures in a file, of which the first is used"
DIM = "16 bits of which only the lowest are used, nearly black (scale the values up to 65535)"
SCALED = f"Larger than {LONGEST_SIDE} pixels, and read at that size"


def read_image(file: ImageFile) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read an image; what is transparent in it is put on black or white, whichever shows it better.

    Args:
        file: A path, the bytes of an encoded image, or a `PIL.Image.Image`.

    Returns:
        uint8 ``[height, width, 3]``, and what is noteworthy, as a heading for such images.

    Raises:
        DataError: The file is no readable image, or too large; it is named.
        MissingPackageError: Pillow is not installed.
    """
    return decode_image(file, LONGEST_SIDE // 2, _finished)  # at least four times that remains of a large one


def is_picture(value: Any) -> bool:
    """Tell whether a value is an image of Pillow, without importing it."""
    kinds = type(value).__mro__
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in kinds)


def image_of_array(values: np.ndarray, name: str) -> np.ndarray:
    """Return an image in memory as uint8 ``[height, width, 3]``.

    Args:
        values: uint8, bool, or floats in [0, 1]; ``[height, width]``, ``[height, width, channel]`` or
            ``[channel, height, width]`` with 1, 3 or 4 channels, of which the fourth is opacity.
        name: Of the image, for messages.

    Raises:
        DataError: It has another shape, type or range.
    """
    from PIL import Image

    pixels = _bytes_of(values, name)
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4) and pixels.shape[0] in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))) or not pixels.size:
        raise DataError(
            f"{name} has the shape {list(values.shape)}. An image is [height, width], [height, width, "
            "channel] or [channel, height, width] with 1, 3 or 4 channels."
        )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _finished(Decoded(name=name, image=image, width=image.width, height=image.height))[0]


def _bytes_of(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype.kind != "f":
        raise DataError(f"{name} holds {values.dtype}. An image is uint8, or floats in [0, 1].")
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not -1e-3 <= low <= high <= 1 + 1e-3:  # also where one is NaN
        raise DataError(
            f"{name} goes from {low:.4g} to {high:.4g}. Floats of an image lie in [0, 1]; scale them, or "
            "give uint8 in 0 to 255."
        )
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


def _finished(decoded: Decoded, _: int = 0) -> tuple[np.ndarray, tuple[str, ...]]:
    """Scale an image to its size, in its proportions, and put it on a ground."""
    from PIL import Image

    factor = min(1.0, LONGEST_SIDE / max(decoded.width, decoded.height))
    target = (max(1, round(decoded.width * factor)), max(1, round(decoded.height * factor)))
    image = decoded.image
    if image.size != target:
        image = image.resize(target, Image.Resampling.BICUBIC)
    notes = (ANIMATED,) * decoded.animated + (DIM,) * decoded.dim + (SCALED,) * (factor < 1)
    return np.array(_on_ground(image)), notes


def _on_ground(image: "Image") -> "Image":
    """Return an image in RGB; what is bright is put on black, what is dark on white."""
    from PIL import Image

    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    opacity = np.asarray(image.getchannel("A"), dtype=np.float64)  # [height, width]
    grey = np.asarray(image.convert("RGB").convert("L"), dtype=np.float64)
    bright = float((grey * opacity).sum()) > 127.5 * float(opacity.sum())
    ground = Image.new("RGBA", image.size, (0, 0, 0, 255) if bright else (255, 255, 255, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
