"""The folder for what does not outlive a service; what a killed one left is removed by the next.

Every process of a service holds a lock on a file in its folder, together with the others of the same service.
The system gives it back when they die, so that a folder whose lock can be had for oneself belongs to nobody.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing tells who is alive
    fcntl = None

__all__ = ["hold_runtime_folder", "runtime_folder"]

_PREFIX = "polytask-serve-"
_ALIVE = "alive"
_ATTEMPTS = 100


@contextmanager
def runtime_folder() -> Iterator[str]:
    """Make a folder that goes with the block; remove those of services that were killed.

    Yields:
        Its path.
    """
    _sweep(Path(tempfile.gettempdir()))
    for _ in range(_ATTEMPTS):
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        with suppress(OSError):  # another service swept it between the two lines
            lock = hold_runtime_folder(folder)
            break
    else:
        raise FileNotFoundError(f"no folder can be made in {tempfile.gettempdir()}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def hold_runtime_folder(folder: str) -> int:
    """Show others that the folder is in use, as long as this process lives or the file is open.

    Args:
        folder: That of the service.

    Returns:
        The open file.

    Raises:
        OSError: It is gone.
    """
    descriptor = os.open(Path(folder) / _ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if os.fstat(descriptor).st_nlink == 0:
            os.close(descriptor)
            raise FileNotFoundError(folder)
    return descriptor


def _sweep(root: Path) -> None:
    if fcntl is None:
        return
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of somebody else, or gone meanwhile
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / _ALIVE, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
