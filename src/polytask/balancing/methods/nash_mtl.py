"""Nash-MTL: objectives bargain for the update."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.bargain import bargained

__all__ = ["NashMTL"]


@catalogued("nash-mtl", "Navon et al., ICML 2022, arXiv:2202.01017")
class NashMTL(Balancer):
    r"""Let objectives bargain for the update: the Nash solution.

    .. math:: G w = 1 / w

    The product of the gains is as large as it can be; the scale of a loss changes nothing but the length.

    When to use:
        Tasks of very different scale: the bargain does not depend on it. Its equations are solved
        in every step.

    References:
        Aviv Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, arXiv:2202.01017, eq. 2.
        Deviations: solved to rounding by Newton's method in place of a sequence of convex programs, and never
        replaced by other weights where that is hard; multiplied by the gradients' root mean square length in
        place of the limit ``max_norm`` on the update's. For new weights every few steps see `Periodic`.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        >>> weights = NashMTL()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        >>> (weights[1] / weights[0]).round(decimals=4)
        tensor(2.)
    """

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            TrainingError: The bargaining solution was not found.
        """
        return Weights(values=bargained(evidence.gramian(), alpha=1.0))
