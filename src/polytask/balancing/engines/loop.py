"""The full Jacobian, one backward pass an objective."""

from torch import Tensor

from polytask.balancing.engines.engine import Engine
from polytask.balancing.step.gradients import StepGradients

__all__ = ["FullJacobian"]


class FullJacobian(Engine):
    """Hold the gradient of every objective: the reference for the other engines.

    Memory: objectives × shared parameters. Across processes the whole Jacobian is summed.
    """

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`."""
        rows = step.rows()
        return rows @ rows.T
