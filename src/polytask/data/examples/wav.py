"""WAV files out of bytes: only their form and their samples are read, so that nothing beside them matters."""

import io
from typing import Literal

import numpy as np

__all__ = ["read_wav"]

_UNKNOWN = 0xFFFFFFFF  # a size that is told elsewhere, or nowhere
_HEAD = 8  # bytes of name and size of a part


def read_wav(content: bytes) -> tuple[int, np.ndarray, bool]:
    """Read a WAV file, RIFF, RIFX or RF64.

    Args:
        content: Its bytes, which begin with one of these names.

    Returns:
        Samples a second; the samples as they are stored, ``[sample]`` or ``[sample, channel]``; and whether
        the file ends before they do.

    Raises:
        ValueError: It has no form or no samples, or they are of a kind that scipy does not read; a damaged
            form may raise other errors, too.
        EOFError: It ends before its samples begin.
    """
    from scipy.io import wavfile

    plain, cut = _plain(content)
    rate, values = wavfile.read(io.BytesIO(plain))
    return rate, values, cut


def _plain(content: bytes) -> tuple[bytes, bool]:
    """Return a file of form and samples alone, with their right sizes: scipy has nothing to warn of."""
    order = "big" if content[:4] == b"RIFX" else "little"
    at, form, whole = 12, b"", _UNKNOWN
    while at + _HEAD <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + _HEAD], order)
        size = whole if name == b"data" and size == _UNKNOWN else size
        part = content[at + _HEAD : at + _HEAD + size]
        if len(part) < size and name != b"data":
            raise EOFError("it ends before its samples")
        if name == b"ds64":
            whole = int.from_bytes(part[8:16], order)
        elif name == b"fmt ":
            form = part
        elif name == b"data":
            if not form:
                raise ValueError("its samples come before their form")
            return _joined(content[:4], order, form, part), len(part) < size
        at += _HEAD + size + size % 2
    raise ValueError("it has no samples")


def _joined(riff: bytes, order: Literal["little", "big"], form: bytes, samples: bytes) -> bytes:
    block = max(1, int.from_bytes(form[12:14], order))  # bytes of a sample of all channels
    samples = samples[: len(samples) // block * block]
    parts = b"".join(
        name + len(part).to_bytes(4, order) + part + b"\0" * (len(part) % 2)
        for name, part in ((b"fmt ", form), (b"data", samples))
    )
    head = b"RIFX" if riff == b"RIFX" else b"RIFF"
    return head + (4 + len(parts)).to_bytes(4, order) + b"WAVE" + parts
