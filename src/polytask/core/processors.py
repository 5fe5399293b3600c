"""How many processors this process may use: those it is bound to, or fewer, where a container has a share."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["processors"]

_GROUPS = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


def processors() -> int:
    """Return how many processors this process may use.

    It counts those that the process is bound to (``taskset``, ``docker --cpuset-cpus``), and no more than the
    share of time that its control group has (``docker --cpus``, limits of Kubernetes), rounded up.

    Example:
        >>> processors() >= 1
        True
    """
    try:
        bound = len(os.sched_getaffinity(0))
    except AttributeError:  # only some systems can tell
        bound = os.cpu_count() or 1
    share = min(_shares(), default=math.inf)
    return bound if share >= bound else max(1, math.ceil(share))


def _shares() -> Iterator[float]:
    """Give the processors' worth of time that the group of this process and each around it may take."""
    try:
        lines = _GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux, or nothing to look at
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:  # version 2: one tree
            read, roots = _share, [_ROOT]
        elif "cpu" in controllers.split(","):  # version 1: a tree for each controller
            read, roots = _old_share, [_ROOT / controllers, _ROOT / "cpu"]
        else:
            continue
        for root in roots:
            group = root / path.strip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
                    yield read(folder)
                if folder == root:
                    break


def _share(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()[:2]
    return math.inf if quota == "max" else int(quota) / int(period)


def _old_share(folder: Path) -> float:
    quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
    period = int((folder / "cpu.cfs_period_us").read_text(encoding="utf-8"))
    return math.inf if quota <= 0 else quota / period
