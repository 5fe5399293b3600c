"""What a piece of work costs: seconds, and how far the memory of the process has risen."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "measured"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Cost:
    """What was spent.

    Args:
        seconds: Wall time.
        peak_bytes: How far the process's memory rose above where it was; None where the system does not say.
    """

    seconds: float = 0.0
    peak_bytes: int | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block; what it cost stands in the object afterwards.

    Example:
        >>> with measured() as cost:
        ...     _ = sum(range(10))
        >>> cost.seconds > 0
        True
    """
    cost = Cost()
    before = _reset_peak()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        peak = _status("VmHWM")
        if before is not None and peak is not None:
            cost.peak_bytes = max(0, peak - before)


def _reset_peak() -> int | None:
    """Let the system's highest mark start at what is used now, and return that; None where it cannot."""
    with suppress(OSError):
        _RESET.write_text("5")
        return _status("VmRSS")
    return None


def _status(name: str) -> int | None:
    with suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), flags=re.M)
        return int(found[1]) * 1024 if found else None
    return None
