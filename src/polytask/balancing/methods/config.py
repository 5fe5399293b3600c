"""ConFIG: the direction with the same cosine to every gradient."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.unit_progress import unit_progress

__all__ = ["ConFIG"]


@catalogued("config", "Liu et al., ICLR 2025, arXiv:2408.11104")
class ConFIG(Balancer):
    r"""Step along the direction that has the same cosine to every gradient.

    Its length is the sum of the gradients' projections on it.

    When to use:
        Few loss terms, such as those of physics-informed networks: the update has the same
        positive cosine with all of them, and does not exist where gradients oppose exactly.

    References:
        Qiang Liu, Mengyu Chu, Nils Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed
        Neural Networks", ICLR 2025, arXiv:2408.11104. Computed from the Gramian; see
        `polytask.balancing.solvers.unit_progress`.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> ConFIG()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        return Weights(values=unit_progress(evidence.gramian()))
