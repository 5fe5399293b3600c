"""Sounds: every width of WAV, several channels, and files that are damaged, empty or no WAV."""

import io
import struct
import sys
import wave
from types import SimpleNamespace

import numpy as np
import pytest

from polytask.core import DataError, MissingPackageError
from polytask.data import Sound, read_examples
from polytask.data.examples.sounds import CUT, LOUD, SILENT, read_sound

RATE = 8000
TONE = np.sin(np.arange(400) / 10) * 0.5  # 50 ms


def wav(values=TONE, *, width=2, rate=RATE, channels=1):
    """Write whole numbers of some bytes, by the standard library: 8 bits are unsigned."""
    scaled = np.round(np.asarray(values) * (2 ** (8 * width - 1) - 1)).astype(np.int64).reshape(-1)
    if width == 1:
        scaled = scaled + 128
    raw = b"".join(int(value).to_bytes(width, "little", signed=width > 1) for value in scaled)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(width)
        written.setframerate(rate)
        written.writeframes(raw)
    return file.getvalue()


def float_wav(values, dtype="<f4", *, tag=3):
    raw = np.asarray(values, dtype=dtype).tobytes()
    size = np.dtype(dtype).itemsize
    head = struct.pack("<HHIIHH", tag, 1, RATE, RATE * size, size, 8 * size)
    body = (
        b"WAVE" + b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(raw)) + raw
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("width", "steps"), [(1, 2**7), (2, 2**15), (3, 2**23), (4, 2**31)])
def test_whole_numbers_of_every_width_are_scaled_to_one(width, steps):
    sound, notes = read_sound(wav(width=width))
    assert sound.samples.dtype == np.float32 and sound.rate == RATE and notes == ()
    np.testing.assert_allclose(sound.samples, TONE, atol=2 / steps + 1e-6)
    assert sound.seconds == 0.05


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats_stay(dtype):
    np.testing.assert_allclose(read_sound(float_wav(TONE, dtype))[0].samples, TONE, atol=1e-7)


@pytest.mark.parametrize("rate", [1, 44_100, 192_000])
def test_any_rate_is_kept(rate):
    assert read_sound(wav(rate=rate))[0].rate == rate


def test_channels_are_averaged():
    both = np.stack([TONE, np.zeros_like(TONE)], axis=1)  # [sample, channel]
    np.testing.assert_allclose(read_sound(wav(both, channels=2))[0].samples, TONE / 2, atol=1e-4)


def test_what_is_noteworthy_is_said():
    assert read_sound(wav(np.zeros(100)))[1] == (SILENT,)
    assert read_sound(float_wav(TONE * 8))[1] == (LOUD,)
    assert read_sound(wav()[:-200])[1] == (CUT,)


def test_a_single_sample_is_a_sound():
    assert len(read_sound(wav([0.5]))[0].samples) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (wav([]), r"there is no sample in it"),
        (b"", r"is an empty file"),
        (b"RIFF\x00\x00\x00\x00WAVE", r"no readable WAV file"),
        (wav()[:30], r"no readable WAV file \(it ends too early\)"),
        (float_wav([0.0, np.nan]), r"a sample is not finite"),
        (float_wav(TONE, tag=7), r"no readable WAV file .*Save it as WAV of 16 bits"),
        (b"\x89PNG" + b"x" * 100, r"no readable sound .*of no known format"),
        (wav(rate=1).replace(struct.pack("<II", 1, 2), struct.pack("<II", 0, 0)), r"rate|no readable"),
    ],
)
def test_what_is_no_sound_is_refused(tmp_path, monkeypatch, content, problem):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.wav.*({problem})"):
        read_sound(path)


@pytest.mark.parametrize("content", [b"fLaC" + b"x" * 50, b"OggS" + b"x" * 50, b"ID3x", b"\xff\xfb\x90\x00"])
def test_other_formats_need_a_package_that_is_named(tmp_path, monkeypatch, content):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = tmp_path / "a.flac"
    path.write_bytes(content)
    with pytest.raises(MissingPackageError, match=r'a\.flac.* needs `soundfile`.*"polytask\[sound\]"'):
        read_sound(path)


def test_other_formats_are_read_by_soundfile(monkeypatch):
    read = SimpleNamespace(read=lambda file, dtype, frames: (np.ones((3, 2), dtype=dtype), 16_000))
    monkeypatch.setitem(sys.modules, "soundfile", read)
    sound, _ = read_sound(b"fLaC" + b"x" * 50)
    assert sound.rate == 16_000 and sound.samples.tolist() == [1, 1, 1]


def test_a_sound_of_a_file_that_soundfile_refuses_is_refused(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("Format not recognised.")

    monkeypatch.setitem(sys.modules, "soundfile", SimpleNamespace(read=refuse))
    with pytest.raises(DataError, match=r"no readable sound \(Format not recognised\)"):
        read_sound(b"fLaC" + b"x" * 50)


@pytest.mark.parametrize(
    ("samples", "rate", "problem"),
    [
        ([], 8000, "no sample"),
        ([0.0], 0, "rate of a sound is a whole number"),
        ([0.0], 8000.5, "rate of a sound"),
        ([0.0], "high", "rate of a sound"),
        ([0.0, float("inf")], 8000, "not finite"),
        (np.zeros((2, 2, 2)), 8000, r"\[sample, channel\]"),
        (["a"], 8000, "whole numbers or floats"),
    ],
)
def test_a_sound_in_memory_is_checked(samples, rate, problem):
    with pytest.raises(DataError, match=problem):
        Sound(samples, rate)


def test_whole_numbers_in_memory_are_scaled_by_their_type():
    assert Sound(np.array([-128, 64], dtype=np.int8), 8000).samples.tolist() == [-1, 0.5]
    assert Sound(np.array([0, 192], dtype=np.uint8), 8000).samples.tolist() == [-1, 0.5]


def test_a_folder_of_sounds_is_read(tmp_path):
    for name in ("yes", "no"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").write_bytes(wav())
    (tmp_path / "no" / "2.WAV").write_bytes(wav([]))
    found = read_examples(tmp_path, labelled=True)
    assert (found.kind, found.labels) == ("sound", ("no", "yes"))
    assert any("2.WAV" in note for note in found.messages)
    assert read_examples([tmp_path / "no" / "1.wav"], labelled=False).index.name == "file"
    table = tmp_path / "t.csv"
    table.write_text("audio,label\nyes/1.wav,y\nno/1.wav,n\n")
    assert read_examples(table, labelled=True).kind == "sound"
