"""What makes a classifier out of labelled examples alone: served under a name, like a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["BASES", "Base", "DataKind"]

DataKind = Literal["text", "image", "sound", "vector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A way to learn from labelled examples.

    Args:
        data: What the examples are called.
        kind: What they are.
        encoder: What turns them into numbers; None for the best here.
    """

    data: str
    kind: DataKind
    encoder: str | None = None


BASES: Mapping[str, Base] = {
    "drawings": Base(data="drawings", kind="image", encoder="drawings"),
    "texts": Base(data="texts", kind="text"),
    "images": Base(data="images", kind="image"),
    "sounds": Base(data="sounds", kind="sound"),
    "vectors": Base(data="vectors", kind="vector"),
}
"""Those that need nothing but the package; weights that were fetched are used where they are there."""
