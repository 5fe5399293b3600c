"""What an item holds, as a digest: equal for two items only where every encoder sees the same."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from polytask.data.examples.sounds import Sound
from polytask.encoders.frozen import Kind

__all__ = ["item_digest"]

_ORIENTATION = 0x0112  # how a camera was held, which decides what is upright


def item_digest(item: Any, kind: Kind) -> bytes | None:
    """Return the SHA-256 of an item's content.

    A file counts by its bytes, wherever it lies.

    Args:
        item: A text, an image or a sound, in any form that the encoders here take.
        kind: Which of them.

    Returns:
        32 bytes; None where the content cannot be told, for example of an object of another library.
    """
    if kind == "text":
        return _digest("text", item.encode("utf-8", "surrogatepass")) if isinstance(item, str) else None
    if isinstance(item, bytes):
        return _digest("file", item)
    if isinstance(item, str | Path):
        try:
            return _digest("file", Path(item).read_bytes())
        except (OSError, ValueError):
            return None  # the encoder says what is wrong with it
    if isinstance(item, Sound):
        item = (item.samples, item.rate)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], np.ndarray | Tensor):
        return _digest(f"rate {item[1]!r}", _array(item[0]))
    if isinstance(item, np.ndarray | Tensor):
        return _digest("image", _array(item))
    return _picture(item)


def _array(values: np.ndarray | Tensor) -> bytes:
    array = values.detach().cpu().contiguous().numpy() if isinstance(values, Tensor) else values
    form = f"{type(values).__name__} {array.dtype} {array.shape}"
    return _digest(form, np.ascontiguousarray(array).tobytes())


def _picture(item: Any) -> bytes | None:
    """Return the digest of an image of Pillow."""
    if not all(hasattr(item, name) for name in ("mode", "size", "tobytes", "getexif", "getpalette", "info")):
        return None
    try:
        orientation = item.getexif().get(_ORIENTATION)
        form = (
            item.mode,
            item.size,
            item.getpalette(),
            item.info.get("transparency"),
            orientation,
            item.format,
        )
        return _digest(repr(form), item.tobytes())
    except Exception:  # noqa: BLE001 - whatever a decoder raises; the encoder says what is wrong with it
        return None


def _digest(form: str, content: bytes) -> bytes:
    return hashlib.sha256(f"{form}\n".encode() + content).digest()
