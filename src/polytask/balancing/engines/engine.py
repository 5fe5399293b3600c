"""What every Gramian engine does."""

from abc import ABC, abstractmethod

from torch import Tensor

from polytask.balancing.graph import StepGraph
from polytask.balancing.processes import Processes

__all__ = ["Engine", "spread"]


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


def spread(rows: Tensor, places: Tensor, n_objectives: int) -> Tensor:
    """Put the rows of a part's objectives ``[part, column]`` at their places in the whole step's."""
    if len(rows) == n_objectives:
        return rows
    whole = rows.new_zeros(n_objectives, *rows.shape[1:])
    whole[places] = rows
    return whole
