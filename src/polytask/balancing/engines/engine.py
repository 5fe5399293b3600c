"""What every Gramian engine does."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from polytask.balancing.step.gradients import StepGradients

__all__ = ["Engine"]


class Engine(ABC):
    """A way to compute the inner products of the objectives' gradients.

    Its life: `open`, then `gramian` once a step where the balancer looks at it, then `close`. One that takes
    ``step.rows()``, or ``step.graphs()`` and ``step.sum()``, is right for steps in parts and for several
    processes by itself: rows are those of the whole step. The mean of Gramians is not the Gramian of the
    mean, so what is multiplied must be complete before.

    Example:
        >>> class Plain(Engine):
        ...     def gramian(self, step: StepGradients) -> Tensor:
        ...         rows = step.rows()
        ...         return rows @ rows.T
        >>> Plain().exact
        True
    """

    exact: bool = True
    """Whether the result is the Gramian at the shared parameters, not a stand-in for it."""

    def open(self, learner: nn.Module) -> None:  # noqa: B027 - most need no learner
        """Get to know the learner, before the first step; again, where it is given to another one.

        Args:
            learner: The learner whose steps come.

        Raises:
            InputError: The engine cannot work with this learner.
        """

    @abstractmethod
    def gramian(self, step: StepGradients) -> Tensor:
        """Return ``[objective, objective]`` of the whole step; keeps its graph.

        Args:
            step: The step.
        """

    def close(self) -> None:  # noqa: B027 - most leave nothing behind
        """Leave the learner as it was before `open`: no step comes after this."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the engine has decided, in plain values; nothing for one that decides nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most decide nothing
        """Decide as before; see `state_dict`."""
