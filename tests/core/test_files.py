"""Files are whole or absent, whatever kills their writer."""

import errno
import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from polytask.core import InputError, files
from polytask.core.files import (
    rehearse_write,
    sweep,
    user_path,
    write_atomically,
    write_folder_atomically,
)


def _listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _raise(error: Exception):
    def write(file):
        file.write(b"half of it")
        raise error

    return write


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_atomically(path, lambda file: file.write(b"one"))
    with pytest.raises(KeyError):
        write_atomically(path, _raise(KeyError("x")))
    assert path.read_bytes() == b"one"
    assert _listing(tmp_path) == ["deep", "deep/a.txt"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_mode_that_the_umask_gives(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def _killed_writer(path: Path) -> None:
    """Fork a process that dies in the middle of a write."""
    if (child := os.fork()) == 0:
        write_atomically(path, lambda _: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)


@contextmanager
def _a_writer(path: Path) -> Iterator[None]:
    """Fork a process that is in the middle of a write meanwhile."""
    writing, written = os.pipe()
    ended, end = os.pipe()
    if (child := os.fork()) == 0:
        write_atomically(path, lambda _: (os.write(written, b"."), os.read(ended, 1)))
        os._exit(0)
    os.read(writing, 1)
    yield
    os.write(end, b".")
    assert os.waitpid(child, 0)[1] == 0
    for descriptor in (writing, written, ended, end):
        os.close(descriptor)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_a_killed_writer_left_is_removed_by_the_next_write(tmp_path):
    _killed_writer(tmp_path / "a")
    assert len(_listing(tmp_path)) == 1  # the debris
    write_atomically(tmp_path / "b", lambda file: file.write(b"x"))
    assert _listing(tmp_path) == ["b"]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_sweep_leaves_files_that_are_being_written_and_files_of_others(tmp_path):
    others = [".a.1234.tmp", ".a.txt", "a.0123456789abcdef.polytask-part", ".a.polytask-part"]
    for name in others:
        (tmp_path / name).write_text("not ours")
    with _a_writer(tmp_path / "a"):
        sweep(tmp_path)
        write_atomically(tmp_path / "b", lambda file: file.write(b"x"))
    assert _listing(tmp_path) == sorted([*others, "a", "b"])


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    write_atomically(tmp_path / "link", lambda file: file.write(b"x"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"x"


def test_a_very_long_name_that_the_system_takes_is_written(tmp_path):
    for name in ("a" * 255, "ä" * 127, "漢" * 85):
        write_atomically(tmp_path / name, lambda file: file.write(b"x"))
        assert (tmp_path / name).read_bytes() == b"x"


def _cannot_be_written(tmp_path: Path) -> list[Path]:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    return [
        tmp_path / "folder",
        tmp_path / "file" / "below",
        tmp_path / "file" / "below" / "deeper",
        tmp_path / "new" / ("a" * 256),
        tmp_path / ("a" * 256) / "b",
        tmp_path / "zero\0byte",
        Path("/dev/null"),
        Path("/proc/a"),
    ]


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("tried", ["rehearsed", "written"])
def test_a_file_that_cannot_be_written_is_one_message_that_names_it(tmp_path, number, tried):
    path = _cannot_be_written(tmp_path)[number]
    with pytest.raises(InputError, match=r"cannot be written: .* Choose another"):
        if tried == "rehearsed":
            rehearse_write(path)
        else:
            write_atomically(path, lambda file: file.write(b"x"))
    if tried == "rehearsed":
        assert _listing(tmp_path) == ["file", "folder"]


def test_a_rehearsal_leaves_nothing_and_keeps_the_older_file(tmp_path):
    (tmp_path / "old").write_text("x")
    rehearse_write(tmp_path / "old")
    rehearse_write(tmp_path / "new" / "deep" / "a")
    assert _listing(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "x"


def test_a_file_of_a_folder_that_cannot_be_written_is_named_by_its_place(tmp_path):
    def fill(folder: Path) -> None:
        write_atomically(folder / "a.bin", _raise(OSError(errno.ENOSPC, "no space")))

    with pytest.raises(InputError, match=f"^{tmp_path}/new/a.bin cannot be written: no space. Free some"):
        write_folder_atomically(tmp_path / "new", fill)
    assert _listing(tmp_path) == []


def test_a_rehearsal_never_makes_the_folder_that_another_may_be_about_to_fill(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "polytask.core.files._open_temporary",
        lambda target, plain=files._open_temporary: seen.append(_listing(tmp_path)) or plain(target),
    )
    rehearse_write(tmp_path / "new" / "deep" / "a")
    assert len(seen) == 1
    assert not [name for name in seen[0] if name.startswith("new")]


def test_what_a_killed_rehearsal_left_is_swept_by_the_next(tmp_path):
    child = os.fork()
    if not child:
        files._open_temporary = lambda target: os.kill(os.getpid(), signal.SIGKILL)
        rehearse_write(tmp_path / "new" / "deep" / "a")
    os.waitpid(child, 0)
    assert len(_listing(tmp_path)) == 3
    rehearse_write(tmp_path / "other" / "a")
    assert _listing(tmp_path) == []


def test_a_rehearsal_under_way_is_not_swept(tmp_path, monkeypatch):
    kept = []

    def sweeping(target, plain=files._open_temporary):
        sweep(tmp_path)
        kept.append(target.parent.is_dir())
        return plain(target)

    monkeypatch.setattr("polytask.core.files._open_temporary", sweeping)
    rehearse_write(tmp_path / "new" / "a")
    assert kept == [True]
    assert _listing(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named_whatever_the_library_between_makes_of_it(tmp_path, monkeypatch):
    def save(file):
        try:
            for _ in range(100):
                file.write(b"x" * 100_000)
        except OSError as error:
            raise RuntimeError("unexpected pos 64 vs 0") from error

    (tmp_path / "a").write_text("old")
    plain = io.FileIO
    monkeypatch.setattr("polytask.core.files.io.FileIO", lambda *_: plain("/dev/full", "wb"))
    with pytest.raises(InputError, match=r"a cannot be written: No space left on device. Free some space"):
        write_atomically(tmp_path / "a", save)
    assert (tmp_path / "a").read_text() == "old"
    assert _listing(tmp_path) == ["a"]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a") == tmp_path / "a"
    write_atomically("~/b/c", lambda file: file.write(b"x"))
    assert (tmp_path / "b" / "c").read_bytes() == b"x"
    with pytest.raises(InputError, match="home"):
        user_path("~nobody-of-this-name/a")
    with pytest.raises(InputError, match="empty"):
        user_path("")
