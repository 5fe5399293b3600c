"""The spoken digits are made of their recordings, as they are read."""

import wave

import numpy as np
import pytest

from polytask.core import DataError, InputError
from polytask.datasets import make, spoken_digits


def record(folder, name, samples, *, rate=8000, width=2, channels=1):
    folder.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / name), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())


@pytest.fixture
def repository(tmp_path):
    record(tmp_path / "repo" / "recordings", "7_theo_0.wav", [16384, -32768])
    record(tmp_path / "repo" / "recordings", "7_george_12.wav", [1, 2, 3])
    record(tmp_path / "repo" / "recordings", "0_theo_3.wav", [0])
    return tmp_path / "repo"


@pytest.mark.parametrize("inside", ["", "recordings"])
def test_what_is_made_is_what_was_recorded(repository, tmp_path, inside):
    folder = make("spoken_digits", repository / inside, tmp_path / "data")
    assert folder == tmp_path / "data" / "fsdd"
    found = spoken_digits(tmp_path / "data")
    assert found.digits.tolist() == [0, 7, 7] and found.takes.tolist() == [3, 12, 0]
    assert [found.speaker_names[index] for index in found.speakers.tolist()] == ["theo", "george", "theo"]
    assert found.waves[2].tolist() == [0.5, -1] and [len(wave) for wave in found.waves] == [1, 3, 2]


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("seven.wav", {}, r"named otherwise, 'seven\.wav'"),
        (
            "7_theo_1.wav",
            {"rate": 16_000},
            r"7_theo_1\.wav has 2 samples in 1 channels of 16 bits, 16000 a second",
        ),
        ("7_theo_1.wav", {"channels": 2}, "in 2 channels"),
    ],
)
def test_other_recordings_are_refused_and_nothing_is_written(repository, tmp_path, name, options, problem):
    record(repository / "recordings", name, [1, 2] * options.get("channels", 1), **options)
    with pytest.raises(DataError, match=problem):
        make("spoken_digits", repository, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_damaged_recordings_and_empty_folders_are_refused(repository, tmp_path):
    (repository / "recordings" / "1_theo_0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"1_theo_0\.wav is no readable WAV file"):
        make("spoken_digits", repository, tmp_path / "data")
    with pytest.raises(DataError, match="has no recordings"):
        make("spoken_digits", tmp_path, tmp_path / "data")


def test_a_dataset_without_a_maker_is_told():
    with pytest.raises(InputError, match=r"'mnist' is read as it is published; use one of .*spoken_digits"):
        make("mnist", "anywhere")
    with pytest.raises(InputError, match=r"'spoken_digit' is no dataset; did you mean 'spoken_digits'"):
        make("spoken_digit", "anywhere")
