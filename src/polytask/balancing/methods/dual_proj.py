"""DualProj: project the sum of the gradients onto the directions that worsen no objective."""

import torch

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.cone import project_onto_dual_cone
from polytask.core import InputError

__all__ = ["DualProj"]


@catalogued("dual-proj", "Lopez-Paz, Ranzato, NIPS 2017, arXiv:1706.08840")
class DualProj(Balancer):
    r"""Project the sum of the gradients onto the directions that worsen no objective.

    .. math:: d = \mathrm{proj}_{K}\Bigl(\sum_t g_t\Bigr)

    Args:
        regularization: As for `UPGrad`.

    Raises:
        InputError: ``regularization`` is not positive.

    When to use:
        As `UPGrad`, where a preference among tasks is given and the update should stay as near to
        it as it may.

    References:
        David Lopez-Paz, Marc'Aurelio Ranzato, "Gradient Episodic Memory for Continual Learning", NIPS 2017,
        arXiv:1706.08840, eq. 8 to 11 (there for one gradient, that of a new task).

    Example:
        >>> rows = torch.tensor([[2.0, 0.0], [-1.0, 1.0]])
        >>> DualProj()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    def __init__(self, *, regularization: float = 1e-10) -> None:
        super().__init__()
        if not regularization > 0:
            raise InputError(f"`regularization` must be positive, got {regularization}.")
        self.regularization = regularization

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        total = torch.ones(1, len(evidence.names))
        projected = project_onto_dual_cone(evidence.gramian(), total, regularization=self.regularization)
        return Weights(values=projected[0])
