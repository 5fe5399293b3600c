"""MGDA: the shortest convex combination of the gradients."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.min_norm import shortest_in_hull

__all__ = ["MGDA"]


@catalogued("mgda", "Sener, Koltun, NeurIPS 2018, arXiv:1810.04650")
class MGDA(Balancer):
    r"""Step along the shortest convex combination of the gradients.

    .. math:: \min_{w \ge 0,\, 1^\top w = 1} \bigl\lVert \textstyle\sum_t w_t g_t \bigr\rVert^2

    It lowers every objective, or is zero where none can go down without another going up. It favours
    objectives with short gradients: normalize losses of different scales first.

    When to use:
        Where a Pareto-stationary point is wanted as such. It favours the task with the shortest
        gradient, so it slows down as soon as one task is nearly done.

    References:
        Ozan Sener, Vladlen Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018,
        arXiv:1810.04650, eq. 3 and 4. Deviations: solved exactly in place of Frank-Wolfe steps; weights times
        the number of objectives. With the engine ``features`` it is their upper bound, MGDA-UB.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> MGDA()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        return Weights(values=shortest_in_hull(evidence.gramian()) * len(evidence.names))
