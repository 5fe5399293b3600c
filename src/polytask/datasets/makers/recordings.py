"""The Free Spoken Digit Dataset out of its folder of recordings."""

import io
import re
import wave
from pathlib import Path

import numpy as np

from polytask.core import DataError
from polytask.core.files import write_atomically
from polytask.data.tables.problems import examples

__all__ = ["make_spoken_digits"]

_NAME = re.compile(r"(\d)_([^_]+)_(\d{1,3})\.wav")
_RATE = 8000


def make_spoken_digits(source: Path, target: Path) -> list[Path]:
    """Join the official recordings, ``DIGIT_SPEAKER_TAKE.wav`` at 8,000 samples a second, in one file.

    Args:
        source: The folder ``recordings`` of the official repository, or the repository.
        target: The folder of the dataset, where ``fsdd_8k.npz`` is written.

    Returns:
        The file.

    Raises:
        DataError: There are no recordings, or one has another name, rate or width; it is named.
        InputError: The file cannot be written.

    References:
        Jackson et al., "Free Spoken Digit Dataset", 2018, github.com/Jakobovski/free-spoken-digit-dataset.
    """
    folder = source / "recordings" if (source / "recordings").is_dir() else source
    files = sorted(file for file in folder.glob("*.wav") if not file.name.startswith("."))
    matched = [_NAME.fullmatch(file.name) for file in files]
    odd = [file.name for file, match in zip(files, matched, strict=True) if match is None]
    if odd or not files:
        told = f"has recordings named otherwise, {examples(odd)}" if odd else "has no recordings"
        raise DataError(
            f"{folder} {told}. Give the official folder of recordings, whose files are called like "
            "7_jackson_32.wav."
        )
    parts = [match.groups() for match in matched if match is not None]
    speakers = sorted({speaker for _, speaker, _ in parts})
    waves = [_samples(file) for file in files]
    arrays = {
        "audio": np.concatenate(waves),
        "offset": np.cumsum([0, *map(len, waves)]),
        "digit": np.array([digit for digit, _, _ in parts], dtype=np.uint8),
        "speaker": np.array([speakers.index(speaker) for _, speaker, _ in parts], dtype=np.uint8),
        "take": np.array([int(take) for _, _, take in parts], dtype=np.uint16),
        "speakers": np.array(speakers),
    }
    path = target / "fsdd_8k.npz"
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
    return [path]


def _samples(path: Path) -> np.ndarray:
    """Return int16 ``[sample]``."""
    try:
        with wave.open(io.BytesIO(path.read_bytes())) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    except (OSError, EOFError, ValueError, wave.Error) as error:
        raise DataError(f"{path} is no readable WAV file ({error}). Get the official one again.") from error
    if form != (1, 2, _RATE) or not len(samples):
        raise DataError(
            f"{path} has {len(samples)} samples in {form[0]} channels of {8 * form[1]} bits, {form[2]} a "
            f"second, but some in one of 16 bits, {_RATE} a second, are needed. Get the official one again."
        )
    return samples.astype(np.int16)
