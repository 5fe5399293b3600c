"""Frozen encoders: texts, photos or sounds become vectors that no training changes."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["FrozenEncoder", "Kind", "blank_vectors", "check_items", "check_texts", "fingerprint_of"]

Kind = Literal["text", "image", "sound", "vector"]


class FrozenEncoder(Protocol):
    """Turns items into vectors; it is used as it is, and never trained.

    What has these members is one, whoever wrote it; `encoder_of` makes one of a function or a module.
    """

    @property
    def name(self) -> str:
        """What it is called, in messages and reports."""
        ...

    @property
    def kind(self) -> Kind:
        """What it encodes: ``"text"``, ``"image"``, ``"sound"`` or ``"vector"``."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """A digest of weights and preparation: equal for two encoders only where they give equal vectors.

        Empty where it cannot be known; then nothing is cached.
        """
        ...

    @property
    def state(self) -> Mapping[str, Tensor]:
        """What the encoder learned from the caller's own items; empty for all that learn nothing."""
        ...

    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return the vectors of items.

        Args:
            items: Texts, images or sounds.
            batch_size: How many are run at once.

        Returns:
            float32 ``[item, width]``, on the CPU, without a graph.

        Raises:
            InputError: An item cannot be encoded; its index is named.
        """
        ...


def check_items(items: Sequence[Any], batch_size: int) -> None:
    """Refuse what is no list of items.

    Raises:
        InputError: ``items`` is one item or no sequence at all, or ``batch_size`` is below 1.
    """
    if isinstance(items, str | bytes) or not hasattr(items, "__len__"):
        raise InputError(
            f"`items` must be a list of items, but is a {type(items).__name__}. Put it in a list."
        )
    if batch_size < 1:
        raise InputError(f"`batch_size` must be at least 1, got {batch_size}.")


def check_texts(items: Sequence[Any], batch_size: int) -> None:
    """Refuse what is no list of texts.

    Raises:
        InputError: See `check_items`; or an item is no string, which is named by its index.
    """
    check_items(items, batch_size)
    for index, text in enumerate(items):
        if not isinstance(text, str):
            raise InputError(
                f"The item at index {index} must be a text, but is a {type(text).__name__}. Leave it out, or "
                "write it as a string."
            )


def blank_vectors(n_items: int, width: int) -> Tensor:
    """Return zeros ``[item, width]``, float32 on the CPU whatever torch's defaults are, to be filled."""
    return torch.zeros(n_items, width, dtype=torch.float32, device="cpu")


def fingerprint_of(*facts: object) -> str:
    """Return a digest of what decides about vectors, each fact as it is written."""
    return hashlib.sha256("\x1f".join(map(str, facts)).encode()).hexdigest()
