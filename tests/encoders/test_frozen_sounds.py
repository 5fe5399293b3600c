"""A sound is the same waveform in whatever form it comes."""

import io
import random
import sys

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from polytask.core import DataError, InputError, MissingPackageError
from polytask.data import Sound
from polytask.encoders.frozen_sounds import waveform


def tone(rate: int, hertz: float = 440.0, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def wav(values: np.ndarray, rate: int) -> bytes:
    out = io.BytesIO()
    wavfile.write(out, rate, values)
    return out.getvalue()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate_becomes_the_wanted_one(rate):
    found = waveform((tone(rate), rate), 16000, index=0)
    assert found.dtype == torch.float32 and abs(len(found) - 8000) <= 1
    inner = slice(500, 7500)  # the filter rings at the ends
    torch.testing.assert_close(found[inner], torch.from_numpy(tone(16000)).float()[inner], atol=0.01, rtol=0)


def test_what_is_too_high_for_the_rate_is_filtered_and_not_mirrored():
    found = waveform((tone(48000, 11000.0), 48000), 16000, index=0)
    assert found[500:-500].abs().max() < 0.01


@pytest.mark.parametrize(
    ("kind", "scale", "shift"),
    [(np.uint8, 127, 128), (np.int16, 32767, 0), (np.int32, 2**31 - 129, 0), (np.float32, 1, 0)],
)
def test_any_type_of_samples_has_the_same_range(kind, scale, shift):
    values = (tone(16000) * scale + shift).round(3 if kind is np.float32 else 0).astype(kind)
    expected = torch.from_numpy(tone(16000)).float()
    for form in (wav(values, 16000), (values, 16000)):
        torch.testing.assert_close(waveform(form, 16000, index=0), expected, atol=0.01, rtol=0)


def test_channels_are_averaged(tmp_path):
    left, right = tone(16000).astype(np.float32), np.zeros(8000, dtype=np.float32)
    (tmp_path / "a.wav").write_bytes(wav(np.stack([left, right], axis=1), 16000))
    for form in (tmp_path / "a.wav", str(tmp_path / "a.wav"), (np.stack([left, right]), 16000)):
        torch.testing.assert_close(waveform(form, 16000, index=0), torch.from_numpy(left / 2))


def test_24_bits_are_read():
    samples = (tone(16000) * (2**23 - 1)).astype("<i4")
    body = samples.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    header = wav(np.zeros(1, dtype=np.int16), 16000)[:44]
    numbers = np.frombuffer(header, dtype=np.uint8).copy()
    numbers[4:8] = np.frombuffer(np.uint32(36 + len(body)).tobytes(), dtype=np.uint8)
    numbers[28:32] = np.frombuffer(np.uint32(48000).tobytes(), dtype=np.uint8)
    numbers[32:36] = [3, 0, 24, 0]
    numbers[40:44] = np.frombuffer(np.uint32(len(body)).tobytes(), dtype=np.uint8)
    found = waveform(numbers.tobytes() + body, 16000, index=0)
    torch.testing.assert_close(found, torch.from_numpy(tone(16000)).float(), atol=1e-4, rtol=0)


@pytest.mark.pretrained("soundfile")
def test_other_formats_are_read_by_soundfile():
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.stack([tone(8000), tone(8000)], axis=1), 8000, format="FLAC")
    found = waveform(out.getvalue(), 8000, index=0)
    torch.testing.assert_close(found, torch.from_numpy(tone(8000)).float(), atol=1e-3, rtol=0)


@pytest.mark.pretrained("soundfile")
def test_damage_in_other_formats_is_one_message_and_no_traceback(capfd):
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, tone(8000), 8000, format="AIFF")
    draw = random.Random(0)
    n_refused = 0
    for _ in range(200):
        content = bytearray(out.getvalue())
        for _ in range(4):
            content[draw.randrange(60)] = draw.choice([0, 1, 127, 255])
        try:
            waveform(bytes(content), 8000, index=0)
        except InputError:
            n_refused += 1
    assert n_refused > 20 and capfd.readouterr().err == ""


def test_without_soundfile_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingPackageError, match=r"no WAV needs `soundfile`.*polytask\[models\]"):
        waveform(b"fLaC and so on", 16000, index=0)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("words", "The item at index 3: there is no file words"),
        (3, "index 3 must be a sound: .* but is a int"),
        (np.zeros(9), "pair of samples and their rate.* but is a ndarray"),
        (([0.0], 16000), "must be a sound"),
        ((np.zeros(0), 16000), r"samples of shape \(0,\).*there must be some"),
        ((np.zeros((2, 3, 4)), 16000), r"samples of shape \(2, 3, 4\)"),
        ((np.zeros((8000, 2)), 16000), r"must have \[sample\] or \[channel, sample\]"),
        ((np.zeros(9), 0), "has 0 samples a second"),
        ((np.zeros(9), True), "has True samples a second"),
        ((np.zeros(9), 8000.5), "has 8000.5 samples a second"),
        ((np.full(9, np.nan), 8000), "no numbers from -1 to 1"),
        ((np.full(9, 30000.0), 8000), "no numbers from -1 to 1. Divide them"),
        ((np.zeros(9, dtype=complex), 8000), "samples of type complex128"),
        ((np.zeros(100 * 3601, dtype=np.int16), 100), "longer than 60 minutes"),
    ],
)
def test_what_is_no_sound_is_named_by_its_index(item, message):
    with pytest.raises(InputError, match=message):
        waveform(item, 16000, index=3)


@pytest.mark.parametrize("keep", [4, 20, 43])
def test_a_damaged_file_is_one_message(keep):
    content = wav(np.zeros(100, dtype=np.int16), 16000)[:keep]
    with pytest.raises(DataError, match="The item at index 3: the sound is no readable sound"):
        waveform(content, 16000, index=3)


def test_a_sound_that_was_read_is_its_samples_and_rate():
    samples = np.sin(np.arange(800) / 5).astype(np.float32)
    assert torch.equal(
        waveform(Sound(samples, 8000), 16000, index=0), waveform((samples, 8000), 16000, index=0)
    )
