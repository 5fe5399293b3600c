"""The full Jacobian, one backward pass an objective."""

from torch import Tensor

from polytask.balancing.engines.engine import Engine, PartsOfStep, spread
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.processes import Processes

__all__ = ["FullJacobian"]


class FullJacobian(Engine):
    """Hold the gradient of every objective: the reference for the other engines.

    Memory: objectives × shared parameters. Across processes the whole Jacobian is summed.
    """

    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """See `Engine.gramian`."""
        rows = processes.sum(spread(graph.jacobian(), places, n_objectives))
        return rows @ rows.T

    def gramian_of_parts(self, parts: PartsOfStep) -> Tensor:
        """See `Engine.gramian_of_parts`."""
        rows = parts.rows(None)
        return rows @ rows.T
