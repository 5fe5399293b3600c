"""Small pictures as PNG, without a package for images."""

import base64
import struct
import zlib

import numpy as np

__all__ = ["png_address", "shrunk"]

_MOST = 96  # pixels of a side


def png_address(image: np.ndarray) -> str:
    """Write an image as ``data:image/png;base64,...``, for a page that stands alone.

    Args:
        image: uint8, ``[height, width]`` for grey or ``[height, width, 3]``.

    Example:
        >>> png_address(np.zeros((2, 2), dtype=np.uint8))[:30]
        'data:image/png;base64,iVBORw0K'
    """
    height, width = image.shape[:2]
    colour = 2 if image.ndim == 3 else 0
    rows = image.reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b"")
    content = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)
    return "data:image/png;base64," + base64.b64encode(content).decode()


def shrunk(image: np.ndarray, most: int = _MOST) -> np.ndarray:
    """Return an image of at most so many pixels a side: means of squares of pixels.

    Args:
        image: uint8, ``[height, width]`` or ``[height, width, channel]``.
        most: Pixels of the longer side.

    Example:
        >>> shrunk(np.full((200, 100, 3), 7, dtype=np.uint8)).shape
        (67, 34, 3)
    """
    step = -(-max(image.shape[:2]) // most)
    if step <= 1:
        return image
    padding = [(0, -size % step) for size in image.shape[:2]] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, padding, mode="edge").astype(np.float64)
    height, width = padded.shape[0] // step, padded.shape[1] // step
    squares = padded.reshape(height, step, width, step, *image.shape[2:])
    return squares.mean((1, 3)).round().astype(np.uint8)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
