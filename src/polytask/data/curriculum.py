"""Training steps of which each follows from the losses of those before."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core import Episode

__all__ = ["Curriculum"]


class Curriculum(ABC):
    """Training steps that follow from the losses so far; `polytask.train.train` takes it like a source.

    A `Source` knows every step beforehand. A curriculum stands before one step and knows no other: what comes
    later depends on losses that are not there yet. `train` asks for the ``next`` step, as often as it needs
    it, and has it ``told`` the losses; the state is part of its checkpoint, so that a resumed run asks what
    the whole run would have asked. With several processes each has a curriculum of its own, and all are told
    the same losses.
    """

    @abstractmethod
    def next(self, step: int) -> Sequence[Episode]:
        """Return the episodes of the step that it stands before, the same ones until it is told of them.

        Args:
            step: Which step that is; in training 0, 1, 2, …

        Raises:
            InputError: It stands before another step.
        """

    @abstractmethod
    def told(self, step: int, losses: Mapping[str, float]) -> None:
        """Learn from the step that it stands before, and stand before the one after.

        Args:
            step: Which step that is.
            losses: The loss of every objective of the step by name, before its update; empty where the step
                brought no update.

        Raises:
            InputError: It stands before another step.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return everything that was learned, as tensors and plain values."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            InputError: It belongs to another curriculum, or is damaged.
        """
