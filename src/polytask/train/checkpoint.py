"""Checkpoints that are either whole or absent."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from polytask.core import BundleError

__all__ = ["load_checkpoint", "save_checkpoint", "write_atomically"]

_FORMAT = 1


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place, flush it to disk, and move it there in one step.

    Args:
        path: Where the file shall be; its folder is made if need be.
        write: Writes the content to an open binary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp made it private
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the process's mask for new files; asking for it means setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save tensors and plain values; a crash at any moment leaves the previous checkpoint whole."""
    write_atomically(path, lambda file: torch.save({"format": _FORMAT, **state}, file))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `save_checkpoint` saved; nothing but tensors and plain values is unpickled.

    Raises:
        BundleError: The file is damaged or of another format.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BundleError(
            f"The checkpoint {path} cannot be read ({error}). Delete it to start anew."
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BundleError(
            f"The checkpoint {path} has another format than {_FORMAT}. Delete it to start anew."
        )
    return state
