"""Where compiled programs are kept, so that another process need not compile them again.

How it works. Torch is told to keep its files in a folder of ours, `program_folder`. Before a process uses it
for the first time, what was changed there is removed (`remove_changed`). Where something is wrong with it all
the same, the program is made once more in an empty folder beside it, which then takes its place.
"""

import contextlib
import errno
import hashlib
import logging
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

from polytask.core.errors import first_line
from polytask.core.torch_internals import forget_programs, program_folder_of_torch
from polytask.encoders.pretrained.location import cache_folder
from polytask.execution.program_sums import note_programs, remove_changed

__all__ = ["kept_programs", "made_with_kept_programs", "program_folder", "program_folder_at_fault"]

Program = TypeVar("Program")

_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"

_FULL = (errno.ENOSPC, errno.EDQUOT)

_CHECKED: set[Path] = set()
"""Folders whose files this process has compared with their checksums."""

_logger = logging.getLogger("polytask.execution")


def program_folder() -> Path:
    """Return the folder of programs that this torch makes for this processor, which need not be there.

    It is in the cache folder, see `polytask.encoders.pretrained.cache_folder`: machines that share one do not
    run each other's programs, as torch compiles for the processor at hand.

    Example:
        >>> program_folder().parent.name
        'compiled'
    """
    processor = f"{torch.backends.cpu.get_cpu_capability()} {_processor()}"
    name = f"{platform.machine()}-{hashlib.sha256(processor.encode()).hexdigest()[:12]}"
    return cache_folder() / "compiled" / f"torch-{torch.__version__}-{name}"


@contextlib.contextmanager
def kept_programs(folder: Path | None = None) -> Iterator[Path | None]:
    """Let torch keep what it compiles inside the block in a folder of ours, and find it there.

    Where the environment names torch's own folder already (``TORCHINDUCTOR_CACHE_DIR``), that one is used;
    so it is, with a word to the log, where ours cannot be written.

    Args:
        folder: Which one; None for `program_folder`.

    Returns:
        The folder; None where torch has its own.
    """
    given = os.environ.get(_VARIABLE)
    if given is not None and given != program_folder_of_torch():  # which torch itself notes there
        yield None
        return
    used = None
    try:
        place = program_folder() if folder is None else folder
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.W_OK):
            raise PermissionError(f"{place} cannot be written")
        used = place
        os.environ[_VARIABLE] = str(place)
    except OSError as error:
        _logger.warning("Compiled programs are kept where torch has them by itself: %s.", error)
    try:
        yield used
    finally:
        os.environ.pop(_VARIABLE, None)
        if given is not None:
            os.environ[_VARIABLE] = given


def made_with_kept_programs(make: Callable[[], Program]) -> Program:
    """Compile with what is kept in `program_folder`; where that is of no use, once more without it.

    Args:
        make: Compiles and runs a program; it may be called twice.

    Returns:
        What it returns.

    Raises:
        Exception: What it raises, at the second time if there was one.
    """
    with kept_programs() as folder:
        if folder is not None and folder not in _CHECKED:
            _CHECKED.add(folder)
            if changed := remove_changed(folder):
                _logger.warning(
                    "Files of compiled programs in %s had changed; they are compiled anew: %s.",
                    folder,
                    ", ".join(file.name for file in changed[:5]),
                )
        try:
            return _noted(make(), folder)
        except Exception as error:
            if folder is None or not _names(error, folder):
                raise
            failed = error
    return _made_anew(make, folder, failed)


def program_folder_at_fault(error: BaseException) -> Path | None:
    """Return the folder of programs that an error is about; None where it is about something else.

    Args:
        error: What a compilation raised, also as the cause of another one.

    Example:
        >>> program_folder_at_fault(TypeError("a learner of one argument"))
    """
    given = os.environ.get(_VARIABLE)
    folder = program_folder() if given is None or given == program_folder_of_torch() else Path(given)
    return folder if _names(error, folder) else None


def _names(error: BaseException | None, folder: Path) -> bool:
    """Tell whether an error names a folder, one that stands in for it, or a disk that is full."""
    name = str(folder.absolute())
    met: set[int] = set()
    while error is not None and id(error) not in met:
        if name in str(error) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        met.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _noted(program: Program, folder: Path | None) -> Program:
    if folder is not None:
        note_programs(folder)
    return program


def _made_anew(make: Callable[[], Program], folder: Path, failed: Exception) -> Program:
    """Compile in an empty folder; if that goes well, it was the kept files, and it takes their place."""
    empty = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    try:
        forget_programs()
        with kept_programs(empty) as used:
            program = _noted(make(), used)
        if used is not None:
            _put(empty, folder)
            forget_programs()  # of what is compiled later, the parts that are there lie elsewhere now
            _logger.warning(
                "The compiled programs that were kept in %s could not be used (%s). They were removed, and "
                "this one was compiled anew.",
                folder,
                first_line(failed),
            )
        return program
    finally:
        shutil.rmtree(empty, ignore_errors=True)


def _put(empty: Path, folder: Path) -> None:
    """Let one folder take the place of another; where another process is faster, its folder stays."""
    aside = folder.with_name(f"{empty.name}.old")
    with contextlib.suppress(OSError):
        folder.rename(aside)
        empty.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _processor() -> str:
    """Describe the instructions of the processor, in whatever words the system has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
