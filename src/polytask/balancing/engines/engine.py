"""What every Gramian engine does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.processes import Processes
from polytask.core import InputError

__all__ = ["Engine", "PartsOfStep", "spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsOfStep:
    """A step in parts, each of which can be run again, so that the graph of only one is held at a time.

    Args:
        graphs: Runs the parts, one after the other; yields each one's graph and the row of each of its
            objectives in the whole step.
        rows: Runs the parts and returns the gradients of the whole step over all processes,
            ``[objective, parameter]``, of all shared parameters or of those given.
        n_objectives: Objectives of the whole step.
        processes: Those that share the step.
    """

    graphs: Callable[[], Iterator[tuple[StepGraph, Tensor]]]
    rows: Callable[[Sequence[Tensor] | None], Tensor]
    n_objectives: int
    processes: Processes


class Engine(ABC):
    """A way to compute the inner products of the objectives' gradients.

    Across processes every engine reduces what makes the result equal to one process on the joined batch: the
    gradients where all processes differentiate the same parameters (the mean of Gramians is not the Gramian
    of the mean), the Gramian itself only where they differentiate representations of different examples.
    """

    exact: bool = True
    """Whether the result is the Gramian at the shared parameters, not a stand-in for it."""

    @abstractmethod
    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """Return ``[objective, objective]`` of the whole step; keeps the graph.

        Args:
            graph: The graph of this process's part of the step.
            places: The row of each of its objectives in the result, long.
            n_objectives: Objectives of the whole step.
            processes: Those that share the step.
        """

    def gramian_of_parts(self, parts: PartsOfStep) -> Tensor:
        """Return ``[objective, objective]`` of a step whose parts are run one after the other.

        Raises:
            InputError: The engine works on whole steps alone, as every one does that lacks this method.
        """
        raise InputError(
            f"The engine {type(self).__name__} works on whole steps, not on a step in parts: it "
            "has no `gramian_of_parts`. Train with `accumulate=1`, or use `engine='auto'`."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what the engine has decided, in plain values; nothing for one that decides nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most decide nothing
        """Decide as before; see `state_dict`."""


def spread(rows: Tensor, places: Tensor, n_objectives: int) -> Tensor:
    """Put the rows of a part's objectives ``[part, column]`` at their places in the whole step's."""
    if len(rows) == n_objectives:
        return rows
    whole = rows.new_zeros(n_objectives, *rows.shape[1:])
    whole[places] = rows
    return whole
