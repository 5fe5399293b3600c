"""Checkpoints that are either whole or absent; one that was damaged is told by its checksum."""

import hashlib
import io
from pathlib import Path
from typing import Any, BinaryIO

import torch

from polytask.core import BundleError
from polytask.core.files import write_atomically
from polytask.core.interrupts import CHECKPOINT_FILE

__all__ = ["CHECKPOINT_FILE", "load_checkpoint", "save_checkpoint", "write_atomically"]

_FORMAT = 2
_SEAL = b"\npolytask sha256 "
_SEAL_LENGTH = len(_SEAL) + 64


class _Hashing:
    """A file that hashes what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        """Write and hash."""
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self.file.flush()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save tensors and plain values; a crash at any moment leaves the previous checkpoint whole.

    Raises:
        InputError: The file cannot be written; the message says why.
    """

    def write(file: BinaryIO) -> None:
        hashing = _Hashing(file)
        torch.save({"format": _FORMAT, **state}, hashing)  # pyright: ignore[reportArgumentType]
        file.write(_SEAL + hashing.digest.hexdigest().encode())

    write_atomically(path, write)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `save_checkpoint` saved; nothing but tensors and plain values is unpickled.

    Raises:
        BundleError: The file is damaged, or of another format.
    """
    try:
        content = path.read_bytes()
        body, seal = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
        if seal != _SEAL + hashlib.sha256(body).hexdigest().encode():
            raise _refused(path, "it is damaged, or was not written by this version of polytask")
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except BundleError:
        raise
    except Exception as error:  # whatever the system or an unpickler says of a file that is none of ours
        raise _refused(path, next(iter(str(error).splitlines()), type(error).__name__)) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise _refused(path, f"it has another format than {_FORMAT}")
    return state


def _refused(path: Path, why: str) -> BundleError:
    return BundleError(f"The checkpoint {path} cannot be used: {why}. Delete it to start anew.")
