"""Where training steps come from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from polytask.core import Episode

__all__ = ["Source"]


class Source(ABC):
    """Training steps by index: ``step(i)`` is a pure function of the source's seed and ``i``.

    Random access is what makes a resumed run exact: no iterator has to be restored. Steps that follow from
    the losses so far come from a `Curriculum` instead.
    """

    @abstractmethod
    def step(self, index: int) -> Sequence[Episode]:
        """Return the episodes of the ``index``-th step, the same ones whenever asked.

        Args:
            index: 0, 1, 2, …; a source has no end, and starts a new epoch by itself.
        """
