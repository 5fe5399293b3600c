"""UPGrad: project each gradient so that it hurts no objective, and add the projections."""

import torch

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.cone import project_onto_dual_cone
from polytask.core import InputError

__all__ = ["UPGrad"]


@catalogued("upgrad", "Quinton, Rey, 2024, arXiv:2406.16232")
class UPGrad(Balancer):
    r"""Project each gradient so that it hurts no objective, and add the projections.

    .. math:: d = \sum_t \mathrm{proj}_{K}(g_t), \qquad
        K = \{ d : \langle g_s, d \rangle \ge 0 \; \forall s \}

    Without conflict this is the plain sum. However much the gradients differ in length, no objective goes up.

    Args:
        regularization: Added to the cosine of each gradient with itself; see
            `polytask.balancing.solvers.project_onto_dual_cone`. Larger values keep the weights small where
            gradients nearly exclude each other, and let the update hurt an objective by as much.

    Raises:
        InputError: ``regularization`` is not positive.

    When to use:
        Conflicting tasks where no update may raise any loss, to first order, whatever the lengths
        of the gradients; the default of this kind here. Quadratic programs at every step,
        which are fast up to some hundreds of tasks.

    References:
        Pierre Quinton, Valérian Rey, "Jacobian Descent for Multi-Objective Optimization", 2024,
        arXiv:2406.16232. Deviations: the sum of the projections in place of their mean; the regularization is
        relative to each gradient, and next to none, where theirs (1e-4 of the Gramian's trace) lets a
        gradient 100 times shorter than the longest be hurt.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> UPGrad()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values.round(decimals=2)
        tensor([2.0000, 1.5000])
    """

    def __init__(self, *, regularization: float = 1e-10) -> None:
        super().__init__()
        if not regularization > 0:
            raise InputError(f"`regularization` must be positive, got {regularization}.")
        self.regularization = regularization

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        each = torch.eye(len(evidence.names))
        projected = project_onto_dual_cone(evidence.gramian(), each, regularization=self.regularization)
        return Weights(values=projected.sum(0))
