"""Sounds: one channel at the rate they were recorded at, out of WAV files and arrays."""

import importlib
import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polytask.core import DataError, MissingPackageError
from polytask.data.examples.wav import read_wav
from polytask.data.images.picture import printable

__all__ = ["OTHER_ENDINGS", "SOUND_ENDINGS", "Sound", "noteworthy", "read_sound"]

_WAV_ENDINGS = (".wav", ".wave")
OTHER_ENDINGS = (".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".m4a")
"""How sound files end that need an optional package."""

SOUND_ENDINGS = (*_WAV_ENDINGS, *OTHER_ENDINGS)
"""How the name of a sound file ends, in lower case."""

SILENT = "Silent from beginning to end"
CUT = "Cut off, as the file ends before the sound does"
LOUD = "Louder than 1, the most that a player takes"

_MAX_BYTES, _MAX_SAMPLES, _MAX_RATE = 2**28, 2**26, 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A sound of one channel.

    Args:
        samples: float32 ``[sample]``, within -1 and 1; whole numbers are scaled to that by their type, and
            several channels, ``[sample, channel]``, are averaged.
        rate: Samples a second.

    Raises:
        DataError: There is no sample, or one is not finite; shape, type or rate is wrong.

    Example:
        >>> Sound(np.zeros((400, 2), dtype=np.int16), 8000).samples.shape
        (400,)
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        try:
            rate = int(self.rate)
            valid = rate == self.rate and 0 < rate <= _MAX_RATE
        except (TypeError, ValueError, OverflowError):
            rate, valid = 0, False
        if not valid:
            raise DataError(
                f"The rate of a sound is a whole number of samples a second, from 1 to {_MAX_RATE:,}; got "
                f"{self.rate!r}."
            )
        object.__setattr__(self, "samples", _mono(np.asarray(self.samples)))
        object.__setattr__(self, "rate", rate)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read_sound(file: Path | bytes) -> tuple[Sound, tuple[str, ...]]:
    """Read a sound file: WAV of 8, 16, 24 or 32 bits or floats, and what `soundfile` reads.

    Args:
        file: A path, or the bytes of a file.

    Returns:
        The sound, and what is noteworthy, as a heading for such sounds.

    Raises:
        DataError: It is no readable sound, empty, or too long; it is named.
        MissingPackageError: It is no WAV file, and `soundfile` is not installed.
    """
    name = "a sound" if isinstance(file, bytes) else printable(file)
    content = file if isinstance(file, bytes) else _content(file, name)
    if content[:4] in (b"RIFF", b"RIFX", b"RF64"):
        rate, values, cut = _wav(content, name)
    else:
        rate, values, cut = *_other(content, name), False
    try:
        sound = Sound(values, rate)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    return sound, (CUT,) * cut + noteworthy(sound)


def noteworthy(sound: Sound) -> tuple[str, ...]:
    """Return what is noteworthy, as a heading for such sounds."""
    peak = float(np.abs(sound.samples).max())
    return (SILENT,) * (peak == 0) + (LOUD,) * (peak > 1.001)


def _content(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"There is no file {name}.")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{name} has more than {_MAX_BYTES // 2**20} MiB. Cut the sound into examples.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror}). Check its permissions.") from error


def _wav(content: bytes, name: str) -> tuple[int, np.ndarray, bool]:
    """Return rate, ``[sample]`` or ``[sample, channel]``, and whether the end is missing."""
    try:
        return read_wav(content)
    except Exception as error:  # noqa: BLE001 - there is no end to what damaged bytes raise
        try:
            return *_by_soundfile(content, name), False
        except (ImportError, DataError):
            reason = (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
            reason = "it ends too early" if isinstance(error, struct.error | EOFError) else reason
            raise DataError(
                f"{name} is no readable WAV file ({reason}). Save it as WAV of 16 bits, or remove it."
            ) from error


def _other(content: bytes, name: str) -> tuple[int, np.ndarray]:
    if not content:
        raise DataError(f"{name} is an empty file. Remove or replace it.")
    try:
        return _by_soundfile(content, name)
    except ImportError as error:
        if content[:4] in (b"fLaC", b"OggS", b"FORM", b".snd", b"caff") or content[:3] == b"ID3":
            raise MissingPackageError(
                "soundfile", extra="sound", purpose=f"reading {name}, which is no WAV file,"
            ) from error
        if content[0] == 0xFF and content[1:2] and content[1] & 0xE0 == 0xE0:  # a frame of MP3
            raise MissingPackageError("soundfile", extra="sound", purpose=f"reading {name}") from error
        raise DataError(
            f"{name} is no readable sound (its contents are of no known format). Save it as WAV."
        ) from error


def _by_soundfile(content: bytes, name: str) -> tuple[int, np.ndarray]:
    soundfile = importlib.import_module("soundfile")

    try:
        values, rate = soundfile.read(io.BytesIO(content), dtype="float32", frames=_MAX_SAMPLES + 1)
    except Exception as error:
        reason = (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
        raise DataError(
            f"{name} is no readable sound ({reason}). Save it as WAV of 16 bits, or remove it."
        ) from error
    return rate, values


def _mono(values: Any) -> np.ndarray:
    """Return float32 ``[sample]``."""
    if values.ndim not in (1, 2) or (values.ndim == 2 and not 1 <= values.shape[1] <= 64):
        raise DataError(
            f"A sound is an array [sample], or [sample, channel] with at most 64 channels; got "
            f"{list(values.shape)}."
        )
    if not len(values):
        raise DataError("there is no sample in it. Remove it, or record it again.")
    if len(values) > _MAX_SAMPLES:
        raise DataError(f"it has more than {_MAX_SAMPLES:,} samples. Cut it into examples.")
    if values.dtype.kind not in "iuf":
        raise DataError(f"samples are whole numbers or floats, got {values.dtype}.")
    floats = values.astype(np.float32)
    if values.dtype.kind == "i":
        floats = floats / -float(np.iinfo(values.dtype).min)
    elif values.dtype.kind == "u":
        half = (float(np.iinfo(values.dtype).max) + 1) / 2
        floats = floats / half - 1
    mono = floats if floats.ndim == 1 else floats.mean(axis=1)
    if not np.isfinite(mono).all():
        raise DataError("a sample is not finite. Correct it, or leave the sound out.")
    return np.ascontiguousarray(mono, dtype=np.float32)
