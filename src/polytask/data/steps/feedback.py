"""What a source needs in order to learn from training."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["Feedback"]


@runtime_checkable
class Feedback(Protocol):
    """A source that adapts to the losses, such as a curriculum.

    `polytask.train.train` calls ``observe`` after every step and keeps the state in its checkpoint, so that a
    resumed run draws what the whole run would have drawn. With several processes each has such a source of
    its own, and all are told the same losses. Other sources need none of this.
    """

    def observe(self, step: int, losses: Mapping[str, float]) -> None:
        """Take note of a step that is done.

        Args:
            step: Which one it was.
            losses: The loss of every objective of the step by name, before its update; empty where the step
                brought no update.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that was learned, as tensors and plain values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises:
            InputError: It belongs to another source.
        """
        ...
