"""Mel bands are where they should be, and the sound encoder reads them."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from polytask.core import InputError
from polytask.encoders import LogMel, SoundEncoder
from polytask.encoders.log_mel import mel_filters


def tone(frequency: float, *, seconds: float = 0.5, rate: int = 8000) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(int(seconds * rate)) / rate)


def test_energies_are_those_of_a_spectrogram():
    sound = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bands = LogMel(8000, 30, standardize=False).double()
    window = scipy.signal.get_window("hann", 200)
    _, _, expected = scipy.signal.spectrogram(
        sound[0].numpy(), fs=8000, window=window, nperseg=200, noverlap=120, nfft=512, detrend=False,
        scaling="spectrum", mode="psd",
    )  # fmt: skip
    energy = expected * window.sum() ** 2
    energy[1:-1] /= 2  # one-sided: scipy counts all but the first and last frequency twice
    reference = np.log(mel_filters(8000, 30, 512).double().numpy() @ energy + 1e-6)
    np.testing.assert_allclose(bands(sound)[0].numpy(), reference, rtol=1e-5, atol=1e-6)


def test_bands_add_up_to_one_between_the_outer_centres():
    filters = mel_filters(16_000, 20, 2048, lowest=0)
    first, last = filters[0].argmax(), filters[-1].argmax()
    torch.testing.assert_close(filters.sum(0)[first + 1 : last], torch.ones(int(last - first) - 1))


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_the_band_around_it(frequency):
    bands = LogMel(8000, 40)(tone(frequency)[None])[0]
    centres = mel_filters(8000, 40, 512).argmax(1) * 8000 / 512
    nearest = (centres - frequency).abs().argmin()
    assert abs(int(bands.mean(1).argmax()) - int(nearest)) <= 1


def test_loudness_goes_when_standardized():
    # The minimum matters for silence alone.
    sound, mel = torch.randn(1, 8000), LogMel(8000)
    torch.testing.assert_close(mel(10 * sound), mel(sound), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(LogMel(8000, standardize=False)(10 * sound), mel(sound))


def test_silence_is_finite():
    assert not LogMel(8000)(torch.zeros(1, 400)).any()  # nowhere louder than elsewhere
    minimum = LogMel(8000, standardize=False, minimum=1e-3)(torch.zeros(1, 400))
    torch.testing.assert_close(minimum, torch.full_like(minimum, math.log(1e-3)))


@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_a_sound_encoder_learns_which_tone_it_hears(normalization):
    torch.manual_seed(0)
    starts = torch.rand(60) * 100
    pitch = torch.arange(60) % 3
    sounds = torch.stack([tone(400 * (1 + int(p)) + s) for p, s in zip(pitch, starts)])
    net = torch.nn.Sequential(
        LogMel(8000, 20),
        SoundEncoder(20, 16, channels=(16, 16), normalization=normalization),
        torch.nn.Linear(16, 3),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(25):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(sounds[:40]), pitch[:40]).backward()
        optimizer.step()
    assert (net.eval()(sounds[40:]).argmax(1) == pitch[40:]).float().mean() > 0.9


def test_group_normalization_treats_each_sound_by_itself():
    encoder = SoundEncoder(10, 8, normalization="group")
    sounds = torch.randn(4, 10, 32)
    torch.testing.assert_close(encoder(sounds)[:1], encoder(sounds[:1]))


def test_too_many_bands_are_refused():
    with pytest.raises(InputError, match="200 bands are too many"):
        mel_filters(8000, 200, 512)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_mels": 0}, "`n_mels` must be at least 1"),
        ({"highest": 5000.0}, "<= 4000 Hz, got 40, 20 and 5000"),
        ({"window": 0.0}, "`window` and `hop` must be a sample or longer"),
    ],
)
def test_bad_bands_name_what_is_wrong(options, message):
    with pytest.raises(InputError, match=message):
        LogMel(8000, **options)


def test_a_sound_shorter_than_the_window_says_so():
    with pytest.raises(InputError, match=r"at least 200 samples, but are torch.float32 of shape \(1, 100\)"):
        LogMel(8000)(torch.zeros(1, 100))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": ()}, "`channels` needs a stage"),
        ({"channels": (8, 0)}, "sizes must be at least 1"),
        ({"length": 4}, "`length` odd"),
        ({"normalization": "layer"}, "'layer'; use 'batch' or 'group'"),
    ],
)
def test_a_bad_encoder_names_what_is_wrong(options, message):
    with pytest.raises(InputError, match=message):
        SoundEncoder(10, 8, **options)


def test_other_bands_are_refused():
    with pytest.raises(InputError, match=r"must be \[sound, 10, frame\] with at least 8 frames"):
        SoundEncoder(10, 8)(torch.zeros(2, 12, 40))
