"""Checkpoints that are either whole or absent."""

from pathlib import Path
from typing import Any

import torch

from polytask.core import BundleError, write_atomically

__all__ = ["load_checkpoint", "save_checkpoint", "write_atomically"]

_FORMAT = 1


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
