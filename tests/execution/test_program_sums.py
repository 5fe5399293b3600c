"""Files of compiled programs: what has changed since it was noted is removed, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from polytask.execution.program_sums import SUMS, note_programs, remove_changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ab").mkdir()
    for name in ("ab/x.so", "ab/y.py", "lock", "z.so"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    note_programs(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_what_is_as_it_was_stays(folder: Path) -> None:
    before = names(folder)
    assert remove_changed(folder) == []
    assert names(folder) == before


@pytest.mark.parametrize("content", [b"", b"ab/x.so", b"ab/x.so" * 99 + b"ab/y.so"])
def test_what_has_changed_is_removed(folder: Path, content: bytes) -> None:
    (folder / "ab" / "x.so").write_bytes(content)
    assert remove_changed(folder) == [folder / "ab" / "x.so"]
    assert names(folder) == ["ab/y.py", "lock", SUMS, "z.so"]


def test_what_was_made_anew_is_noted_anew(folder: Path) -> None:
    (folder / "z.so").write_bytes(b"another")
    note_programs(folder)
    assert remove_changed(folder) == []


def test_what_is_not_noted_goes_once_nobody_can_be_writing_it(folder: Path) -> None:
    for name in ("new.so", "old.so"):
        (folder / name).write_bytes(b"1")
    before = time.time() - 7200
    os.utime(folder / "old.so", (before, before))
    assert remove_changed(folder) == []
    assert names(folder) == ["ab/x.so", "ab/y.py", "lock", "new.so", SUMS, "z.so"]


def test_a_file_of_checksums_that_is_damaged_costs_no_more_than_another_compilation(folder: Path) -> None:
    sums = folder / SUMS
    sums.write_bytes(b"\xff\n\n  \n" + sums.read_bytes()[:-10])
    assert remove_changed(folder) == []
    sums.unlink()
    sums.mkdir()
    note_programs(folder)
    assert remove_changed(folder) == []
