"""One picture out of a file, whatever its format, at the size that is needed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from polytask.core import DataError, MissingPackageError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Decoded", "ImageFile", "Picture", "decode_image", "picture_pixels", "printable", "read_picture"]

Finished = TypeVar("Finished")

ImageFile = Any
"""A path, the bytes of an encoded image, or a `PIL.Image.Image`."""

# Formats that Pillow decodes by itself: an allowed list keeps file contents from starting other programs.
_FORMATS = ("PNG", "JPEG", "MPO", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM", "TGA", "AVIF", "JPEG2000")
_COMMON = ("PNG", "JPEG", "BMP", "GIF")
_MAX_PIXELS, _MAX_SIDE, _MAX_BYTES = 51_000_000, 100_000, 2**29
_LARGE = 1_000_000  # pixels from which an image is first reduced by whole factors
_ORIENTATION = 0x0112
_UPRIGHT = (0, 1, 3)  # Pillow's turns that leave height and width what they are
_DIM = 2**13  # of 16 bits: cameras of 12 bits stay below, and come out nearly black
_GREY = np.array([19595, 38470, 7471], dtype=np.uint32)  # ITU-R 601, of 65536, as Pillow has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """An image as it is shown, before it is brought to a size.

    Args:
        name: The file, for messages.
        image: Upright, in mode L, LA, RGB or RGBA; a large one is reduced by whole factors, not always the
            same in height and width.
        width: In pixels of the file, upright.
        height: Likewise.
        animated: Whether the file holds further pictures, which are left out.
        dim: Whether it has 16 bits and uses the lowest of them only.
    """

    name: str
    image: "Image"
    width: int
    height: int
    animated: bool = False
    dim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of a fixed size, before anything is decided about its ground.

    Args:
        name: The file, for messages.
        pixels: As seen on black, uint8 ``[channel, size, size]`` with 1 channel or 3.
        gap: 255 where nothing is drawn, uint8 ``[size, size]``; None where all is opaque.
        animated: Whether the file holds further pictures, which are left out.
        dim: Whether it has 16 bits and uses the lowest of them only.
    """

    name: str
    pixels: np.ndarray
    gap: np.ndarray | None = None
    animated: bool = False
    dim: bool = False

    @property
    def grey(self) -> np.ndarray:
        """The brightness on black, uint8 ``[size, size]``."""
        if len(self.pixels) == 1:
            return self.pixels[0]
        weighted = np.tensordot(_GREY, self.pixels.astype(np.uint32), 1)
        return ((weighted + 32768) >> 16).astype(np.uint8)

    @property
    def coloured(self) -> bool:
        """Whether one pixel of a hundred, or more, is clearly no grey."""
        if len(self.pixels) == 1:
            return False
        spread = self.pixels.max(axis=0).astype(int) - self.pixels.min(axis=0)
        return bool((spread >= 32).mean() >= 0.01)

    @property
    def drawn(self) -> bool:
        """Whether most of it is nearly black or white, as in drawings, and not as in photos."""
        return bool(((self.grey < 26) | (self.grey > 229)).mean() > 0.7)

    @property
    def ground(self) -> float | None:
        """How bright the ground is, 0 to 255: the border's mean, or what is opposite to free-standing ink.

        None where nothing at all is drawn.
        """
        drawn = np.full(self.grey.shape, 1.0) if self.gap is None else 1 - self.gap / 255  # [size, size]
        if drawn.sum() < 1e-6:
            return None
        border = np.ones(drawn.shape, dtype=bool)
        border[1:-1, 1:-1] = False
        if drawn[border].mean() > 0.5:
            return float(self.grey[border].sum() / drawn[border].sum())
        return float(255 - self.grey.sum() / drawn.sum())


def read_picture(file: ImageFile, size: int) -> Picture:
    """Read an image, upright and scaled to ``size`` x ``size``; see `decode_image`.

    Args:
        file: A path, the bytes of an encoded image, or a `PIL.Image.Image`.
        size: Height and width.

    Raises:
        DataError: The file is no readable image, or too large; it is named.
        MissingPackageError: Pillow is not installed.
    """
    return decode_image(file, size, _picture)


def decode_image(file: ImageFile, size: int, finish: Callable[[Decoded, int], Finished]) -> Finished:
    """Read an image, upright; large ones are reduced, but neither side below ``size``.

    Turned as its EXIF orientation says; 16 bits are scaled to 8; of several pictures the first is taken.

    Args:
        file: A path, the bytes of an encoded image, or a `PIL.Image.Image`.
        size: How many pixels are needed, high and wide.
        finish: Called with the image and ``size`` while the file is open; what it raises counts as damage.

    Returns:
        What ``finish`` returns.

    Raises:
        DataError: The file is no readable image, or too large; it is named.
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("pillow", extra="images", purpose="reading images") from error
    name = printable(file) if isinstance(file, str | Path) else "an image"
    try:
        if isinstance(file, Image.Image):
            return finish(_decoded(file.copy(), size, name), size)
        if not isinstance(file, bytes) and not Path(file).is_file():  # a pipe would be waited for
            raise FileNotFoundError("there is no such file")
        if not isinstance(file, bytes) and Path(file).stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES // 2**20} MiB")
        # Not by its name: Pillow would map it into memory, and read damaged files in another way than bytes.
        with (
            io.BytesIO(file) if isinstance(file, bytes) else Path(file).open("rb") as opened,
            Image.open(opened, formats=_formats(opened)) as image,
        ):
            return finish(_decoded(image, size, name), size)
    except DataError:
        raise
    except Exception as error:  # whatever a decoder raises at damaged bytes: there is no end to the kinds
        unknown = type(error).__name__ == "UnidentifiedImageError"  # whose words name an object in memory
        reason = "its contents are of no known format" if unknown else str(error) or type(error).__name__
        if isinstance(file, str | Path):
            reason = reason.replace(repr(str(file)), "it").replace(str(file), "it")
        raise DataError(f"{name} is no readable image ({reason}). Remove or replace the file.") from error


def picture_pixels(content: bytes) -> int:
    """Return how many pixels an encoded image has, by its header; nothing is decoded.

    Of an image that is too large for Pillow it is the number from which on Pillow refuses one.

    Raises:
        DataError: It is no readable image.
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("pillow", extra="images", purpose="reading images") from error
    try:
        opened = io.BytesIO(content)
        with Image.open(opened, formats=_formats(opened)) as image:
            return image.width * image.height
    except Image.DecompressionBombError:
        return 2 * (Image.MAX_IMAGE_PIXELS or _MAX_PIXELS)
    except Exception as error:
        raise DataError(
            "The image is not readable: its contents are of no known format, or damaged. Save it as PNG or "
            "JPEG."
        ) from error


def _formats(opened: BinaryIO) -> list[str]:
    """Return which formats to try; where a common one fits, the code of the forty others is not imported."""
    from PIL import Image

    Image.preinit()
    start = opened.read(16)
    opened.seek(0)
    accepts = [Image.OPEN[name][1] for name in _COMMON if name in Image.OPEN]
    if not any(accept is not None and accept(start) is True for accept in accepts):
        Image.init()
    return [known for known in _FORMATS if known in Image.OPEN]


def printable(path: str | Path) -> str:
    """Return a path as text that can be written anywhere, also where its bytes are no UTF-8."""
    try:
        return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, which is no byte of a file's name
        return str(path).encode("utf-8", "backslashreplace").decode()


def _decoded(image: "Image", size: int, name: str) -> Decoded:
    animated = image.format != "MPO" and bool(getattr(image, "is_animated", False))  # MPO: a photo, previews
    width, height = image.size
    if image.width * image.height > _LARGE:
        image.draft(None, (4 * size, 4 * size))  # a JPEG is decoded at an eighth of its size, or so
    if not (image.width and image.height):
        raise DataError(f"{name} has no pixels. Remove or replace the file.")
    if image.width * image.height > _MAX_PIXELS or max(image.size) > _MAX_SIDE:
        raise DataError(
            f"{name} has {image.width} x {image.height} pixels; at most {_MAX_PIXELS // 10**6} million are "
            f"read, and {_MAX_SIDE} a side. Make the image smaller."
        )
    image.load()
    turn = _turn(image)  # only now: some formats turn the image themselves and then strike the note
    dim = image.mode.startswith("I") and 0 < int(np.asarray(image).max()) < _DIM
    small = _eight_bits(image, size, name)
    if turn is not None:
        small = small.transpose(turn)
        width, height = (width, height) if turn in _UPRIGHT else (height, width)
    return Decoded(name=name, image=small, width=width, height=height, animated=animated, dim=dim)


def _picture(decoded: Decoded, size: int) -> Picture:
    """Scale an image to a square, as seen on black."""
    from PIL import Image

    small = decoded.image.resize((size, size), Image.Resampling.BOX)
    notes = {"name": decoded.name, "animated": decoded.animated, "dim": decoded.dim}
    if small.mode in ("L", "RGB"):
        return Picture(pixels=_channels(small), **notes)
    drawn = np.asarray(small.getchannel("A"))
    ground = Image.new("RGBA", small.size, (0, 0, 0, 255))
    seen = Image.alpha_composite(ground, small.convert("RGBA")).convert("L" if small.mode == "LA" else "RGB")
    gap = None if drawn.min() == 255 else 255 - drawn
    return Picture(pixels=_channels(seen), gap=gap, **notes)


def _turn(image: "Image") -> Any:
    """Return the transposition that puts a photo upright; None where the file asks for none."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - damaged notes about a picture are no reason to refuse it
        return None
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return turns.get(orientation) if isinstance(orientation, int) else None


def _eight_bits(image: "Image", size: int, name: str) -> "Image":
    """Return the image in mode L, LA, RGB or RGBA, large ones reduced."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        values = np.asarray(image)  # [height, width]
        key = image.info.get("transparency")
        image = Image.fromarray((values // 257).astype(np.uint8))
        if isinstance(key, int):
            image.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    elif image.mode in ("I", "F"):
        image = _scaled_numbers(image, size, name)
    else:
        mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
        mode += "A" if image.has_transparency_data else ""
        image = image if image.mode == mode else image.convert(mode)
    return _reduced(image, size)


def _scaled_numbers(image: "Image", size: int, name: str) -> "Image":
    """Turn 32-bit numbers, of 16-bit greys or of floats in [0, 1], into a grey image."""
    from PIL import Image

    pixels = np.asarray(image)
    low, high = float(pixels.min()), float(pixels.max())
    top = 65535 if image.mode == "I" else 1
    if not 0 <= low <= high <= top or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise DataError(
            f"{name} holds 32-bit numbers from {low:.6g} to {high:.6g}, whose black and white are unknown. "
            "Save it with 8 or 16 bits."
        )
    values = np.asarray(_reduced(image, size), dtype=np.float32)
    return Image.fromarray((values * (255 / top)).round().astype(np.uint8))


def _reduced(image: "Image", size: int) -> "Image":
    """Average whole blocks of a large image, which the filter that follows then need not hold in full."""
    factors = (max(1, image.width // (4 * size)), max(1, image.height // (4 * size)))
    return image.reduce(factors) if image.width * image.height > _LARGE and max(factors) > 1 else image


def _channels(image: "Image") -> np.ndarray:
    """Return uint8 ``[channel, height, width]``."""
    values = np.asarray(image)
    return values[None].copy() if values.ndim == 2 else values.transpose(2, 0, 1).copy()
