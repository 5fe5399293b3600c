"""Sounds as the mean, the spread and the course of their energy in bands: no download, no training."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from polytask.encoders.frozen import Kind, blank_vectors, check_items, fingerprint_of
from polytask.encoders.frozen_sounds import waveform
from polytask.encoders.log_mel import LogMel

__all__ = ["LogMelStatistics"]

_RATE = 16_000  # samples a second
_N_BANDS, _N_PARTS = 40, 4
_LEAST = 1_600  # samples, to which shorter sounds are filled with silence


class LogMelStatistics:
    """Encode sounds by what bands of pitch do, on average and in each quarter.

    A sound is brought to one channel of 16,000 samples a second. Of the logarithm of the energy in 40 bands
    (`LogMel`, without loudness) these are taken, over frames: the mean, the standard deviation, the mean
    change from frame to frame without its sign, and the mean of each quarter of the sound.

    Example:
        >>> LogMelStatistics().encode([(torch.zeros(8000), 8000), (torch.rand(2, 44100), 44100)]).shape
        torch.Size([2, 280])
    """

    name = "log-mel-statistics"
    kind: Kind = "sound"
    width = _N_BANDS * (3 + _N_PARTS)

    def __init__(self) -> None:
        self._energies = LogMel(_RATE, _N_BANDS).float()

    @property
    def fingerprint(self) -> str:
        """A digest of how sounds are encoded."""
        return fingerprint_of(self.name, _RATE, _N_BANDS, _N_PARTS, _LEAST)

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Empty: nothing is learned from the caller's sounds."""
        return {}

    @torch.no_grad()
    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[sound, 280]``.

        Args:
            items: Sounds of any length; see `polytask.encoders.frozen_sounds.waveform`.
            batch_size: Without effect: each sound is encoded by itself.

        Raises:
            InputError: An item is no sound that can be read.
            MissingPackageError: An item is a file that is no WAV, and soundfile is not installed.
        """
        check_items(items, batch_size)
        vectors = blank_vectors(len(items), self.width)
        for index, item in enumerate(items):
            samples = waveform(item, _RATE, index=index)
            padded = functional.pad(samples, (0, max(0, _LEAST - len(samples))))
            frames = self._energies(padded[None])[0]  # [band, frame]
            parts = [part.mean(1) for part in frames.tensor_split(_N_PARTS, dim=1)]
            spread, change = frames.std(1, correction=0), frames.diff(dim=1).abs().mean(1)
            vectors[index] = torch.cat([frames.mean(1), spread, change, *parts])
        return vectors
