"""Sounds as the energy in bands that are spaced as pitch is heard."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["LogMel", "mel_filters"]


class LogMel(nn.Module):
    r"""Turn waveforms into the logarithm of their energy in mel bands, frame by frame.

    .. math::
        \log\Bigl(\epsilon + \sum_f M_{bf}\, \bigl| \operatorname{STFT}(x)_{f} \bigr|^2\Bigr)

    A Hann window slides over the sound; its frames lie wholly within it. Nothing is trained.

    Args:
        sample_rate: Samples a second.
        n_mels: The number of bands.
        window: Length of the window in seconds.
        hop: Seconds between two frames.
        lowest: Where the first band begins, in Hz.
        highest: Where the last band ends, in Hz; None for half the sample rate.
        standardize: Whether each sound's values are shifted and scaled to mean 0 and variance 1, which takes
            out its loudness.
        minimum: :math:`\epsilon`, what silence has in place of 0.

    Raises:
        InputError: A size or a frequency does not fit; or, when run, the inputs are not waveforms, or are
            shorter than the window.

    References:
        Steven Davis, Paul Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
        Recognition in Continuously Spoken Sentences", IEEE Transactions on Acoustics, Speech, and Signal
        Processing 28, 1980, without its cosine transform.

    Example:
        >>> LogMel(8000)(torch.zeros(2, 8000)).shape  # a second, in frames of 25 ms every 10 ms
        torch.Size([2, 40, 98])
    """

    shape: Tensor
    filters: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_mels: int = 40,
        *,
        window: float = 0.025,
        hop: float = 0.010,
        lowest: float = 20.0,
        highest: float | None = None,
        standardize: bool = True,
        minimum: float = 1e-6,
    ) -> None:
        super().__init__()
        self.n_window, self.n_hop = round(window * sample_rate), round(hop * sample_rate)
        if min(self.n_window, self.n_hop) < 1 or minimum <= 0:
            raise InputError(
                f"`window` and `hop` must be a sample or longer and `minimum` positive, got {window}, {hop} "
                f"and {minimum} at {sample_rate} samples a second; times are in seconds."
            )
        self.standardize, self.minimum = standardize, minimum
        self.n_fft = 2 ** max(math.ceil(math.log2(self.n_window)), 9)  # fine enough for the lowest bands
        self.register_buffer("shape", torch.hann_window(self.n_window), persistent=False)
        filters = mel_filters(sample_rate, n_mels, self.n_fft, lowest=lowest, highest=highest)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """From waveforms ``[sound, sample]`` to ``[sound, band, frame]``."""
        if inputs.ndim != 2 or not inputs.is_floating_point() or inputs.shape[1] < self.n_window:
            raise InputError(
                f"The inputs must be floats [sound, sample] with at least {self.n_window} samples, but are "
                f"{inputs.dtype} of shape {tuple(inputs.shape)}; pad short sounds with zeros."
            )
        frames = inputs.unfold(1, self.n_window, self.n_hop) * self.shape  # [sound, frame, sample]
        energy = torch.fft.rfft(frames, n=self.n_fft).abs().square()  # [sound, frame, frequency]
        bands = (energy @ self.filters.T + self.minimum).log().mT  # [sound, band, frame]
        if not self.standardize:
            return bands
        mean = bands.mean((1, 2), keepdim=True)
        spread = (bands - mean).square().mean((1, 2), keepdim=True)
        return (bands - mean) * (spread + 1e-8).rsqrt()


def mel_filters(
    sample_rate: int, n_mels: int, n_fft: int, *, lowest: float = 20.0, highest: float | None = None
) -> Tensor:
    r"""Return triangular bands, evenly spaced on the mel scale.

    .. math:: \operatorname{mel}(f) = 2595 \log_{10}(1 + f / 700)

    Each band rises from the centre of the one before to 1 at its own, and falls to the centre of the next.

    Args:
        sample_rate: Samples a second.
        n_mels: The number of bands.
        n_fft: Length of the Fourier transform.
        lowest: Where the first band begins, in Hz.
        highest: Where the last band ends, in Hz; None for half the sample rate.

    Returns:
        ``[band, frequency]``, for the ``n_fft // 2 + 1`` frequencies of a real transform.

    Raises:
        InputError: The frequencies do not rise from 0 to half the sample rate, or there are so many bands
            that one lies between two frequencies of the transform.

    References:
        Douglas O'Shaughnessy, "Speech Communication: Human and Machine", 1987, for the formula.
    """
    top = sample_rate / 2 if highest is None else highest
    if n_mels < 1 or not 0 <= lowest < top <= sample_rate / 2:
        raise InputError(
            f"`n_mels` must be at least 1 and 0 <= `lowest` < `highest` <= {sample_rate / 2:g} Hz, got "
            f"{n_mels}, {lowest:g} and {top:g}."
        )
    ends = torch.linspace(_mel(lowest), _mel(top), n_mels + 2, dtype=torch.float64)
    edges = 700 * (10 ** (ends / 2595) - 1)  # Hz
    frequencies = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rising, falling).clamp(min=0)  # [band, frequency]
    if not bool((filters.sum(1) > 0).all()):
        raise InputError(
            f"{n_mels} bands are too many: some lie between two of the {n_fft // 2 + 1} frequencies of the "
            "transform. Use fewer, or a longer window."
        )
    return filters.float()


def _mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)
