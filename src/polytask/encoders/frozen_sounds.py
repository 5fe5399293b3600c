"""One sound, however it is given, as a waveform of one channel at the rate that an encoder wants."""

import importlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataError, InputError, MissingPackageError
from polytask.data.examples.sounds import Sound
from polytask.data.examples.wav import read_wav
from polytask.data.images.picture import printable

__all__ = ["waveform"]

_LONGEST = 3600  # seconds
_RATES = (100, 1_000_000)


def waveform(item: Any, rate: int, *, index: int) -> Tensor:
    """Return a sound as floats from -1 to 1, ``[sample]``, with its channels averaged.

    Args:
        item: The path or the bytes of a sound file, WAV, or another one where soundfile is installed; or a
            pair of samples and their rate a second, as ``(samples, 8000)``. Samples are an array or a tensor
            ``[sample]`` or ``[channel, sample]``, of floats from -1 to 1, or whole numbers over the range of
            their type; or a `polytask.data.Sound`.
        rate: Samples a second that are wanted.
        index: Which item it is, for messages.

    Raises:
        InputError: It is no such sound.
        DataError: The file cannot be read.
        MissingPackageError: The file is no WAV, and soundfile is not installed.
    """
    if isinstance(item, Sound):
        item = (item.samples, item.rate)
    if isinstance(item, tuple) and len(item) == 2:
        samples, given = item
        if not isinstance(samples, Tensor | np.ndarray):
            raise InputError(_no_sound(item, index))
        values = np.asarray(samples.detach().cpu()) if isinstance(samples, Tensor) else samples
    elif isinstance(item, str | Path | bytes):
        values, given = _opened(item, index)
    else:
        raise InputError(_no_sound(item, index))
    mono = _mono(values, index)
    if isinstance(given, bool) or not _RATES[0] <= given <= _RATES[1] or given != int(given):
        raise InputError(
            f"The item at index {index} has {given!r} samples a second, but the rate must be a whole number "
            f"from {_RATES[0]} to {_RATES[1]}."
        )
    if len(mono) > _LONGEST * given:
        raise InputError(
            f"The item at index {index} is longer than {_LONGEST // 60} minutes. Cut it into pieces."
        )
    return torch.from_numpy(_resampled(mono, int(given), rate))


def _resampled(mono: np.ndarray, given: int, rate: int) -> np.ndarray:
    """Filter and resample; scipy is imported where it is needed, as that takes a moment."""
    if given == rate:
        return mono
    from scipy.signal import resample_poly

    common = math.gcd(given, rate)
    return resample_poly(mono, rate // common, given // common).astype(np.float32)


def _mono(values: np.ndarray, index: int) -> np.ndarray:
    """Return float32 ``[sample]`` from -1 to 1."""
    if values.ndim not in (1, 2) or values.size == 0 or (values.ndim == 2 and values.shape[0] > 64):
        raise InputError(
            f"The item at index {index} has samples of shape {tuple(values.shape)}, but must have [sample] "
            "or [channel, sample], and there must be some."
        )
    if values.dtype == np.uint8:  # of 8 bits, whose silence is 128
        values = (values.astype(np.float32) - 128) / 128
    elif np.issubdtype(values.dtype, np.signedinteger):
        values = values.astype(np.float32) / -float(np.iinfo(values.dtype).min)
    elif not np.issubdtype(values.dtype, np.floating):
        raise InputError(
            f"The item at index {index} has samples of type {values.dtype}; use floats or int16."
        )
    values = values.astype(np.float32)
    if not np.isfinite(values).all() or np.abs(values).max() > 8:
        raise InputError(
            f"The item at index {index} has samples that are no numbers from -1 to 1. Divide them by their "
            "largest possible value."
        )
    return values if values.ndim == 1 else values.mean(0)


def _opened(item: str | Path | bytes, index: int) -> tuple[np.ndarray, int]:
    """Read a sound file as ``[channel, sample]``."""
    name = "the sound" if isinstance(item, bytes) else printable(item)
    if not isinstance(item, bytes) and not Path(item).is_file():
        raise DataError(f"The item at index {index}: there is no file {name}.")
    content = item if isinstance(item, bytes) else Path(item).read_bytes()
    try:
        if content[:4] in (b"RIFF", b"RIFX", b"RF64"):
            return _wav(content)
        return _other(content)
    except MissingPackageError:
        raise
    except Exception as error:  # whatever a decoder raises at damaged bytes
        raise DataError(
            f"The item at index {index}: {name} is no readable sound ({error}). Remove or replace the file."
        ) from error


def _wav(content: bytes) -> tuple[np.ndarray, int]:
    rate, values, _ = read_wav(content)
    return (values[None] if values.ndim == 1 else values.T), rate


def _other(content: bytes) -> tuple[np.ndarray, int]:
    try:
        soundfile = importlib.import_module("soundfile")
    except (ImportError, OSError) as error:  # OSError where its library is missing
        raise MissingPackageError(
            "soundfile", extra="models", purpose="a sound file that is no WAV"
        ) from error
    with soundfile.SoundFile(_Content(content)) as file:
        if file.frames > _LONGEST * file.samplerate:  # announced, perhaps by a damaged file
            raise ValueError(f"it says that it is longer than {_LONGEST // 60} minutes")
        return file.read(dtype="float32", always_2d=True).T, file.samplerate


class _Content(io.BytesIO):
    """Lets the decoder of a damaged file seek before its beginning, of which soundfile prints a traceback."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        start = (0, self.tell(), len(self.getbuffer()))[whence]
        return super().seek(max(0, start + offset))


def _no_sound(item: Any, index: int) -> str:
    return (
        f"The item at index {index} must be a sound: a path, bytes, or a pair of samples and their rate, as "
        f"(samples, 16000), but is a {type(item).__name__}."
    )
