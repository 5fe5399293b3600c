"""Settings that are saved with a model."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

from polytask.core.records import record_from_json

__all__ = ["SavedSettings"]


class SavedSettings:
    """The base of a dataclass of settings: to plain JSON and back."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        return asdict(self)  # pyright: ignore[reportArgumentType] - what derives from this is a dataclass

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build the settings from what `to_json` gave."""
        return record_from_json(cls, data, name="the settings")
