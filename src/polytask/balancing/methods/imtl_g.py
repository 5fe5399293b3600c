"""IMTL-G: the same projection on every unit gradient, by weights that sum to the number of objectives."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.unit_progress import unit_progress

__all__ = ["IMTLG"]


@catalogued("imtl-g", "Liu et al., ICLR 2021")
class IMTLG(Balancer):
    r"""Step along the direction with the same projection on every unit gradient.

    .. math:: \Bigl\langle \frac{g_t}{\lVert g_t \rVert}, d \Bigr\rangle
        = \Bigl\langle \frac{g_s}{\lVert g_s \rVert}, d \Bigr\rangle \; \forall t, s, \qquad
        d = \sum_t w_t g_t, \qquad \Bigl\lvert \sum_t w_t \Bigr\rvert = T

    The direction is that of `ConFIG`, whose length is bounded; here it grows without limit as weights of
    either sign come near to cancelling, which gradients of very different lengths can make them do.

    When to use:
        Where every task should move equally far along its own gradient. It has no solution that
        helps where gradients nearly oppose each other.

    References:
        Liyang Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, eq. 6 and 7. Deviations:
        weights times the number of objectives; where their sum is negative, the direction that lowers all
        objectives is taken, and not its opposite, which has weights of sum 1; solved for the cosines, so that
        gradients 10,000 times shorter than the longest are not lost in float32.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
        >>> IMTLG()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1.5000, 0.5000])
    """

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        weights = unit_progress(evidence.gramian())
        total = weights.sum().abs()
        return Weights(values=weights * (len(weights) / total) if float(total) > 0 else weights)
