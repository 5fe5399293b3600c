"""Nash-MTL and FairGrad: objectives bargain for the update."""

from polytask.balancing.balancer import Balancer, Evidence, Weights
from polytask.balancing.solvers.bargain import bargain
from polytask.core import InputError

__all__ = ["FairGrad", "NashMTL"]


class FairGrad(Balancer):
    r"""Let objectives share the gain fairly.

    .. math:: \langle g_t, d \rangle = w_t^{-1/\alpha}, \qquad d = \sum_t w_t g_t

    Args:
        alpha: 1 is proportional fairness, which is `NashMTL`; large values serve the worst-off objective.

    Raises:
        InputError: ``alpha`` is not positive.

    References:
        Hao Ban, Kaiyi Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024, arXiv:2402.15638.
        Deviation: the weights are multiplied by the power of the gradients' root mean square length that
        makes them 1 for orthogonal gradients of equal length, so that the step does not shrink as the losses
        grow.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
        >>> FairGrad(alpha=2.0)(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values.round(decimals=4)
        tensor([1., 1.])
    """

    def __init__(self, *, alpha: float = 2.0) -> None:
        super().__init__()
        if not alpha > 0:
            raise InputError(f"`alpha` must be positive, got {alpha}.")
        self.alpha = alpha

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            TrainingError: The bargaining solution was not found.
        """
        gramian = evidence.gramian()
        mean_square = gramian.diagonal().mean()
        if float(mean_square) == 0:
            return Weights(values=gramian.new_zeros(len(gramian)))
        return Weights(values=bargain(gramian / mean_square, alpha=self.alpha))


class NashMTL(FairGrad):
    r"""Let objectives bargain for the update: the Nash solution.

    .. math:: G w = 1 / w

    The product of the gains is as large as it can be; the scale of a loss changes nothing but the length.

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

    def __init__(self) -> None:
        super().__init__(alpha=1.0)
