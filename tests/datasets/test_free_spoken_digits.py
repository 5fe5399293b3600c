"""Spoken digits, in small files of our own, and in the real ones where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from polytask.core import DataError
from polytask.datasets import spoken_digits

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "fsdd").is_dir(),
    reason="POLYTASK_DATA names no folder with fsdd",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fsdd").mkdir()
    return tmp_path / "fsdd"


def write_digits(folder: Path, **changed: np.ndarray) -> Path:
    arrays = {
        "audio": np.array([1, 2, 3, 4, 5, 2**14], dtype=np.int16),
        "offset": np.array([0, 2, 6]),
        "digit": np.array([7, 3], dtype=np.uint8),
        "speaker": np.array([1, 0], dtype=np.uint8),
        "take": np.array([4, 5], dtype=np.uint8),
        "speakers": np.array(["ann", "bo"]),
    }
    np.savez(folder / "fsdd_8k.npz", **(arrays | changed))
    return folder.parent


def test_spoken_digits_are_cut_or_filled_to_one_length(folder):
    found = spoken_digits(write_digits(folder))
    posed = found.examples(n_samples=3)
    assert (posed.data.inputs * 2**15).tolist() == [[1, 2, 0], [3, 4, 5]]
    assert posed.data.targets["digit"].tolist() == [7, 3]
    assert posed.tasks[1].labels == ("ann", "bo")


def test_the_first_five_takes_are_for_testing(folder):
    train, test = spoken_digits(write_digits(folder)).official_split()
    assert (train.tolist(), test.tolist()) == ([1], [0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offset": np.array([0, 2, 5])}, "do not fit 6 samples"),
        ({"digit": np.array([10, 3])}, "a digit is above 9"),
        ({"speaker": np.array([2, 0])}, "a speaker has no name"),
        ({"take": np.array([1])}, "1 takes do not fit"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(folder, changed, message):
    with pytest.raises(DataError, match=message):
        spoken_digits(write_digits(folder, **changed))


def test_a_damaged_archive_of_recordings_is_named(folder):
    (folder / "fsdd_8k.npz").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="cannot be read as recordings"):
        spoken_digits(folder.parent)


@needs_data
def test_the_real_recordings_are_as_many_as_published():
    digits = spoken_digits()
    assert len(digits.waves) == 3000
    assert len(digits.official_split()[1]) == 300
