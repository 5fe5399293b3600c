"""Equal weights: the plain sum of the objectives."""

import torch

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence

__all__ = ["EqualWeights"]


@catalogued("equal", "the plain sum")
class EqualWeights(Balancer):
    """Give every objective the weight 1: the total loss is the plain sum.

    When to use:
        Always first, and as the baseline of any other: it costs nothing, and with trials counted
        alike it is hard to beat. Losses of very different size are a reason to look further.

    Example:
        >>> EqualWeights()(Evidence(("a", "b"), torch.tensor([2.0, 3.0]), torch.Tensor)).values
        tensor([1., 1.])
    """

    needs = "nothing"

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        return Weights(values=torch.ones_like(evidence.losses))
