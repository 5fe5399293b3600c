"""Where compiled programs are kept, so that another process need not compile them again."""

import contextlib
import hashlib
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import torch

from polytask.core.torch_internals import program_folder_of_torch
from polytask.encoders.pretrained.location import cache_folder

__all__ = ["kept_programs", "program_folder"]

_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"

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
def kept_programs() -> Iterator[None]:
    """Let torch keep what it compiles inside the block in `program_folder`, and find it there.

    Where the environment names torch's own folder already (``TORCHINDUCTOR_CACHE_DIR``), that one is used;
    so it is, with a word to the log, where ours cannot be written.
    """
    given = os.environ.get(_VARIABLE)
    if given is not None and given != program_folder_of_torch():  # which torch itself notes there
        yield
        return
    try:
        folder = program_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{folder} cannot be written")
        os.environ[_VARIABLE] = str(folder)
    except OSError as error:
        _logger.warning("Compiled programs are kept where torch has them by itself: %s.", error)
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
        if given is not None:
            os.environ[_VARIABLE] = given


def _processor() -> str:
    """Describe the instructions of the processor, in whatever words the system has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
