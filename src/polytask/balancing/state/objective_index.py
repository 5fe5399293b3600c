"""Where a balancer keeps what it knows of each objective."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["ObjectiveIndex"]


class ObjectiveIndex:
    """Positions of objectives by name, for state kept as one tensor ``[objective]``.

    Args:
        names: The names of all objectives that may occur.
        owner: The method, for error messages.

    Raises:
        InputError: There is no name, one occurs twice, or one is no string.

    Example:
        >>> ObjectiveIndex(["a", "b", "c"], "DWA").of(["c", "a"])
        tensor([2, 0])
    """

    def __init__(self, names: Sequence[str], owner: str) -> None:
        if not names or len(set(names)) < len(names):
            raise InputError(f"{owner} needs the distinct names of its objectives, got {list(names)}.")
        if not all(isinstance(name, str) for name in names):
            raise InputError(
                f"{owner} needs names, not {type(names[0]).__name__} objects; pass their `name`s."
            )
        self._owner = owner
        self._positions = {name: position for position, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._positions)

    def of(self, present: Sequence[str]) -> Tensor:
        """Return the positions of the objectives of a step, long ``[objective]``.

        Raises:
            InputError: An objective was not named at construction.
        """
        unknown = [name for name in present if name not in self._positions]
        if unknown:
            raise InputError(
                f"{self._owner} does not know {', '.join(unknown)}; it was built for "
                f"{', '.join(self._positions)}. Name every objective at construction."
            )
        return torch.tensor([self._positions[name] for name in present], dtype=torch.long)
