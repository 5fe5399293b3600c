"""Files that are whole or absent, whatever kills their writer.

A file is written under a temporary name beside its place, flushed to disk, and moved there in one step. The
temporary name is unmistakably ours, and the file is locked while it is written; the system drops the lock
when the writer dies. So the next writer in the folder can tell debris from another process's work, and
removes it.
"""

import errno
import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from polytask.core.errors import InputError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted
    fcntl = None

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "fenced",
    "is_temporary",
    "new_folder",
    "rehearse_write",
    "sweep",
    "user_path",
    "write_atomically",
    "write_folder_atomically",
]

_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{16}\.polytask-part", re.DOTALL)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST_STEM = 64  # characters of the file's own name in the temporary one, which must not become too long


def user_path(path: str | Path) -> Path:
    """Return a path with ``~`` for the home folder.

    Raises:
        InputError: It is empty, or names the home of a user who does not exist.
    """
    if not str(path):
        raise InputError("A path is empty. Name a file or a folder.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{path}: {error}. Write the home folder's name out.") from error


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place, flush it to disk, and move it there in one step.

    What killed writers left in the folder is removed first. The file gets the mode that the process's umask
    gives to new files; where a link stands, the file it points to is written.

    Args:
        path: Where the file shall be; its folder is made if need be.
        write: Writes the content to an open binary file.

    Raises:
        InputError: It cannot be written: a folder stands there, the disk is full, it is not allowed ...
    """
    with fenced(path):
        target = _target(path)
        with new_folder(target.parent):
            _check_name(target)
            sweep(target.parent)
            _write(target, write)
            _flush_folder(target.parent)


def write_folder_atomically(folder: str | Path, fill: Callable[[Path], object]) -> bool:
    """Fill a folder beside its place, flush it to disk, and move it there in one step.

    What killed writers left beside it is removed first.

    Args:
        folder: Where the folder shall be; the one around it is made if need be.
        fill: Writes the files into an empty folder, by `write_atomically`.

    Returns:
        False if a folder with files stands there already: it stays as it is.

    Raises:
        InputError: It cannot be written.
    """
    with fenced(folder):
        target = Path(os.path.realpath(user_path(folder)))
        with new_folder(target.parent):
            sweep(target.parent)
            with _temporary_folder(target.parent, target.name) as temporary:
                try:
                    fill(temporary)
                except InputError as error:  # of a file in it: people know the place that it is for
                    error.args = (str(error).replace(str(temporary), str(target)),)
                    raise
                try:
                    temporary.rename(target)
                except OSError:
                    if target.is_dir() and any(target.iterdir()):
                        return False
                    raise
            _flush_folder(target.parent)
    return True


def rehearse_write(path: str | Path) -> None:
    """Try whether a file can be written at a path, and leave nothing behind; for before the long work.

    Raises:
        InputError: It cannot be written; the message says why.
    """
    with fenced(path):
        target = _target(path)
        with _rehearsal_folder(target.parent) as folder:
            rehearsed = folder / target.name
            _check_name(rehearsed)
            temporary, file = _open_temporary(rehearsed)
            file.close()
            temporary.unlink(missing_ok=True)  # a sweeper may have come first


@contextmanager
def fenced(path: str | Path) -> Iterator[None]:
    """Turn the system's refusals inside the block into one message that names the path.

    Raises:
        InputError: What is written there cannot be.
    """
    try:
        yield
    except OSError as error:
        remedy = "Free some space" if error.errno in _FULL else "Choose another path"
        raise InputError(f"{path} cannot be written: {error.strerror or error}. {remedy}.") from error


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Have a folder inside the block, and its parents.

    When the block fails, what was made is removed again where it is empty.

    Raises:
        InputError: It cannot be made.
    """
    missing = _missing(folder)
    done = False
    try:
        with fenced(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for parent in missing:
                _flush_folder(parent.parent)
        yield
        done = True
    finally:
        for made in missing if not done else ():
            with suppress(OSError):
                made.rmdir()


def is_temporary(name: str) -> bool:
    """Tell whether a name is one of a file or folder that `write_atomically` or `rehearse_write` made."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep(folder: str | Path) -> None:
    """Remove from a folder what killed writers left; files that a living process writes stay."""
    try:
        entries = list(Path(folder).iterdir())
    except OSError:
        return
    for entry in entries:
        if _TEMPORARY.fullmatch(entry.name):
            with suppress(OSError):  # held by its writer, or removed by another sweeper
                _remove_unheld(entry)


def _remove_unheld(path: Path) -> None:
    """Remove a temporary file or folder; raises `OSError` when a process holds it."""
    is_folder = stat.S_ISDIR(path.lstat().st_mode)
    remove = shutil.rmtree if is_folder else Path.unlink
    if fcntl is None:
        remove(path)
        return
    access = os.O_RDONLY if is_folder else os.O_RDWR
    descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(path)
    finally:
        os.close(descriptor)


def _missing(folder: Path) -> list[Path]:
    """List the folder and its parents, innermost first, as far as they are not there."""
    return [parent for parent in (folder, *folder.parents) if not parent.exists()]


@contextmanager
def _rehearsal_folder(folder: Path) -> Iterator[Path]:
    """Have a folder to try a file in: the folder itself, or one of its name in a temporary one.

    A folder that is missing is not made and removed again: another process may be about to write into it.
    """
    missing = _missing(folder)
    if not missing:
        yield folder
        return
    place = missing[-1].parent
    sweep(place)
    with _temporary_folder(place) as temporary:
        rehearsed = temporary / folder.relative_to(place)
        rehearsed.mkdir(parents=True)
        yield rehearsed


@contextmanager
def _temporary_folder(place: Path, name: str = "rehearsal") -> Iterator[Path]:
    """Have a folder that sweepers leave alone inside the block, and that is gone afterwards."""
    folder, descriptor = _make_temporary(place, name)
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _make_temporary(place: Path, name: str) -> tuple[Path, int | None]:
    """Create a folder and lock it, where the system can."""
    while True:
        folder = place / f".{name[:_LONGEST_STEM]}.{secrets.token_hex(8)}.polytask-part"
        folder.mkdir()
        if fcntl is None:
            return folder, None
        with suppress(FileNotFoundError):  # a sweeper came between
            descriptor = os.open(folder, os.O_RDONLY)
            if _lock(descriptor):
                return folder, descriptor
            os.close(descriptor)


class _Writer(io.BufferedWriter):
    """Remembers a failed write: libraries in between turn it into an error of their own."""

    failure: OSError | None = None

    def write(self, buffer: "ReadableBuffer", /) -> int:
        try:
            return super().write(buffer)
        except OSError as error:
            self.failure = error
            raise


def _write(target: Path, write: Callable[[BinaryIO], object]) -> None:
    temporary, file = _open_temporary(target)
    try:
        _fill(file, write)
        if fcntl is None:
            file.close()  # Windows moves no open file
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            file.close()
        temporary.unlink(missing_ok=True)
        raise
    file.close()


def _fill(file: _Writer, write: Callable[[BinaryIO], object]) -> None:
    try:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    except Exception:
        if file.failure is not None:
            raise file.failure from None
        raise


def _open_temporary(target: Path) -> tuple[Path, _Writer]:
    """Create a locked file beside the target, with the mode that the umask asks for."""
    while True:
        name = f".{target.name[:_LONGEST_STEM]}.{secrets.token_hex(8)}.polytask-part"
        if len(os.fsencode(name)) > 255:
            name = f".{secrets.token_hex(8)}.{secrets.token_hex(8)}.polytask-part"
        temporary = target.with_name(name)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666)
        if _lock(descriptor):
            return temporary, _Writer(io.FileIO(descriptor, "wb"))
        os.close(descriptor)  # a sweeper came between


def _lock(descriptor: int) -> bool:
    """Lock a new file or folder; False if it was swept before that."""
    if fcntl is None:
        return True
    with suppress(OSError):  # a file system without locks: nothing is swept there either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.fstat(descriptor).st_nlink > 0


def _flush_folder(folder: Path) -> None:
    """Have the folder's entries on disk; some systems cannot, and need not."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _target(path: str | Path) -> Path:
    """Return where a file goes: the end of a link, and no folder or device."""
    expanded = user_path(path)
    try:
        target = Path(os.path.realpath(expanded))
        _check_name(target)
    except ValueError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error}. Choose another name.") from error
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "a device"
        raise InputError(f"{path} cannot be written: {what} stands there. Choose another name.")
    return target


def _check_name(target: Path) -> None:
    """Raise what the system says of a name that it cannot take; a free name is fine."""
    with suppress(FileNotFoundError, NotADirectoryError):
        target.lstat()
