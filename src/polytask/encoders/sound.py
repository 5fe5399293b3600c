"""A small convolutional network for sounds."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["SoundEncoder"]


class SoundEncoder(nn.Module):
    """Encode frames by convolutions over time, then by the mean and the maximum over the frames that remain.

    Every stage is a convolution, a normalization, a ReLU and a maximum over pairs of frames. Bands are
    channels, so that a pattern counts where it is in pitch, and anywhere in time.

    Args:
        n_bands: Bands of the input, see `LogMel`.
        width: Width of the representation.
        channels: Channels of each stage.
        length: Frames that a convolution sees; odd.
        dropout: Probability of dropping a channel after each stage.
        normalization: ``"batch"``; or ``"group"``, which treats each sound by itself, and so serves small
            batches and episodes.

    Raises:
        InputError: There is no stage, a size does not fit, or the normalization is unknown; or, when run, the
            inputs have other bands or too few frames.

    References:
        Alexander Waibel, Toshiyuki Hanazawa, Geoffrey Hinton, Kiyohiro Shikano, Kevin Lang, "Phoneme
        Recognition Using Time-Delay Neural Networks", IEEE Transactions on Acoustics, Speech, and Signal
        Processing 37, 1989, for convolutions over time. Deviations: normalization, pooling, ReLU.

    Example:
        >>> SoundEncoder(40, 64)(torch.zeros(2, 40, 98)).shape
        torch.Size([2, 64])
    """

    def __init__(
        self,
        n_bands: int,
        width: int,
        *,
        channels: Sequence[int] = (64, 64, 64),
        length: int = 5,
        dropout: float = 0.0,
        normalization: Literal["batch", "group"] = "batch",
    ) -> None:
        super().__init__()
        problems = []
        if not channels or min(n_bands, width, *channels) < 1 or length < 1 or length % 2 == 0:
            problems.append(
                "`channels` needs a stage, sizes must be at least 1 and `length` odd; got `n_bands` "
                f"{n_bands}, `width` {width}, `channels` {list(channels)} and `length` {length}"
            )
        if normalization not in ("batch", "group"):
            problems.append(f"`normalization` is {normalization!r}; use 'batch' or 'group'")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.n_bands, self.n_least = n_bands, 2 ** len(channels)
        layers: list[nn.Module] = []
        for n_in, n_out in zip([n_bands, *channels[:-1]], channels, strict=True):
            layers += [
                nn.Conv1d(n_in, n_out, length, padding=length // 2, bias=False),
                nn.BatchNorm1d(n_out) if normalization == "batch" else nn.GroupNorm(1, n_out),
                nn.ReLU(),
                nn.MaxPool1d(2),
                nn.Dropout1d(dropout),
            ]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Sequential(nn.Linear(2 * channels[-1], width), nn.ReLU())

    def forward(self, inputs: Tensor) -> Tensor:
        """Represent ``[sound, band, frame]`` as ``[sound, width]``."""
        if inputs.ndim != 3 or inputs.shape[1] != self.n_bands or inputs.shape[2] < self.n_least:
            raise InputError(
                f"The inputs must be [sound, {self.n_bands}, frame] with at least {self.n_least} frames, but "
                f"have shape {tuple(inputs.shape)}."
            )
        hidden = self.layers(inputs)  # [sound, channel, frame]
        return self.last(torch.cat([hidden.mean(-1), hidden.amax(-1)], dim=1))
