"""Free Spoken Digit Dataset: ten digits, spoken by six people."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Task
from polytask.data.steps.joint_examples import JointExamples
from polytask.datasets.location import data_folder, how_to_make
from polytask.datasets.registry import DATASETS

__all__ = ["SpokenDigits", "spoken_digits"]

_DIGITS = tuple("0123456789")
_N_TEST_TAKES = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpokenDigits:
    """Recordings of single digits, at 8,000 samples a second.

    Args:
        waves: Each recording, float32 ``[sample]`` from -1 to 1.
        digits: What is said, long ``[recording]``.
        speakers: Who says it, long ``[recording]``.
        takes: The number of the take, long ``[recording]``.
        speaker_names: By index.
    """

    waves: tuple[Tensor, ...]
    digits: Tensor
    speakers: Tensor
    takes: Tensor
    speaker_names: tuple[str, ...]

    def examples(self, *, n_samples: int = 8192) -> JointExamples:
        """Pose the tasks ``"digit"`` and ``"speaker"``; waves are cut, or filled with silence at the end.

        Args:
            n_samples: The length of every wave; 8,192 is about a second.
        """
        waves = torch.zeros(len(self.waves), n_samples)
        for row, wave in zip(waves, self.waves):
            kept = wave[:n_samples]
            row[: len(kept)] = kept
        tasks = (
            Task(name="digit", kind="multiclass", n_outputs=len(_DIGITS), labels=_DIGITS),
            Task(
                name="speaker",
                kind="multiclass",
                n_outputs=len(self.speaker_names),
                labels=self.speaker_names,
            ),
        )
        data = Batch(inputs=waves, targets={"digit": self.digits, "speaker": self.speakers})
        return JointExamples(tasks=tasks, data=data)

    def official_split(self) -> tuple[Tensor, Tensor]:
        """Return the indices for training and for testing: takes 0 to 4 of every digit are for testing."""
        test = self.takes < _N_TEST_TAKES
        return (~test).nonzero().squeeze(1), test.nonzero().squeeze(1)


def spoken_digits(root: str | Path | None = None) -> SpokenDigits:
    """Load 3,000 recordings of spoken digits.

    The folder ``root / "fsdd"`` holds ``fsdd_8k.npz``: ``audio`` (int16, all recordings joined), ``offset``
    (where each begins, and the end), ``digit``, ``speaker``, ``take`` and ``speakers`` (names).

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Jackson et al., "Free Spoken Digit Dataset", 2018, github.com/Jakobovski/free-spoken-digit-dataset.
    """
    path = data_folder("fsdd", root) / "fsdd_8k.npz"
    if not path.is_file():
        raise DataError(f"The file {path} is missing.{how_to_make(DATASETS['spoken_digits'])}")
    try:
        # Opened here, since `np.load` leaves the file of a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            audio, offset, names = arrays["audio"], arrays["offset"], arrays["speakers"]
            digits, speakers, takes = (arrays[name].astype(np.int64) for name in ("digit", "speaker", "take"))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as recordings: {error}. Get or make it again.") from error
    n = len(digits)
    fits = len(speakers) == len(takes) == n == len(offset) - 1 and n > 0
    if not fits or offset[0] != 0 or offset[-1] != len(audio) or (np.diff(offset) <= 0).any():
        raise DataError(
            f"{path}: {len(offset)} offsets, {n} digits, {len(speakers)} speakers and {len(takes)} takes do "
            f"not fit {len(audio)} samples. Get or make it again."
        )
    if digits.max() > 9 or speakers.max() >= len(names):
        raise DataError(f"{path}: a digit is above 9, or a speaker has no name. Get or make it again.")
    whole = torch.from_numpy(audio.astype(np.float32) / 2**15)
    return SpokenDigits(
        waves=tuple(whole[start:end] for start, end in zip(offset[:-1].tolist(), offset[1:].tolist())),
        digits=torch.from_numpy(digits),
        speakers=torch.from_numpy(speakers),
        takes=torch.from_numpy(takes),
        speaker_names=tuple(str(name) for name in names),
    )
