"""How much memory is free: one rule for everything that is chosen by it."""

import os
from pathlib import Path

import torch

from polytask.core.errors import DataError

__all__ = ["check_free_bytes", "free_bytes"]

_UNTOLD = 4 * 2**30


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device; of the machine where it has no memory of its own.

    On Linux that counts what the system would give back, such as cached files. Where the system does not
    tell, it is 4 GiB.

    Example:
        >>> free_bytes(torch.device("cpu")) > 0
        True
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):  # not Linux
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return _UNTOLD


def check_free_bytes(n_bytes: float, needed: str, remedy: str) -> None:
    """Refuse what would end in the system's killing of the process.

    Args:
        n_bytes: What it takes of the machine's memory.
        needed: The beginning of the message: what takes how much.
        remedy: Its end: a sentence.

    Raises:
        DataError: So much is not free.
    """
    free = free_bytes(torch.device("cpu"))
    if n_bytes > free:
        raise DataError(f"{needed}, but {free / 2**30:.1f} GiB are free. {remedy}")
