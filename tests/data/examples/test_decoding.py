"""Many files: what cannot be read is left out or refused, and memory is watched."""

import numpy as np
import pytest

from polytask.core import DataError, memory_budget
from polytask.data.examples.decoding import decode, kind_of_file


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{index:03}.txt" for index in range(200)]
    for path in paths:
        path.write_text("a text")
    return paths


def called(index):
    return f"file {index}"


def test_what_is_left_out_is_named_up_to_a_number(files):
    for path in files[:30]:
        path.write_bytes(b"\xff\xff")
    read = decode(files, "text", leave_out=True, called=called)
    assert read.kept == list(range(30, 200)) and len(read.items) == 170
    (message,) = read.messages
    assert (
        message.startswith("30 of 200 files left out: ") and "019.txt" in message and "020.txt" not in message
    )
    assert message.endswith("and 10 more")


def test_what_must_be_read_is_refused_with_the_first_problems(files):
    for path in files[:30]:
        path.write_bytes(b"\xff\xff")
    with pytest.raises(DataError) as told:
        decode(files, "text", leave_out=False, called=called)
    assert str(told.value).startswith("There are 5 problems:") and "004.txt" in str(told.value)


def test_files_that_would_not_fit_into_memory_are_refused_after_a_look_at_some(files, monkeypatch):
    monkeypatch.setattr(memory_budget, "free_bytes", lambda device: 100)
    with pytest.raises(
        DataError, match=r"still to be read of 200 texts takes about .* Give them in several parts"
    ):
        decode(files, "text", leave_out=True, called=called)
    assert len(decode(files[:60], "text", leave_out=True, called=called).items) == 60


def test_what_is_in_memory_is_named_by_its_caller():
    with pytest.raises(DataError, match=r"^file 1: int is no image"):
        decode([np.zeros((2, 2)), 3], "image", leave_out=False, called=called)
    with pytest.raises(DataError, match=r"^file 0: ndarray is no sound. Give a path, or"):
        decode([np.zeros(2)], "sound", leave_out=False, called=called)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.PNG", "image"), ("b/c.jpeg", "image"), ("a.wav", "sound"), ("a.ogg", "sound"), ("a.txt", "text")],
)
def test_an_ending_tells_the_kind(name, kind):
    assert kind_of_file(name) == kind


@pytest.mark.parametrize("name", ["a.csv", "a", "png", ".png", ""])
def test_other_endings_tell_nothing(name):
    assert kind_of_file(name) is None
