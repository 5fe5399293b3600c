"""FairGrad: objectives share the gain fairly."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.bargain import bargained
from polytask.core import InputError

__all__ = ["FairGrad"]


@catalogued("fairgrad", "Ban, Ji, ICML 2024, arXiv:2402.15638")
class FairGrad(Balancer):
    r"""Let objectives share the gain fairly.

    .. math:: \langle g_t, d \rangle = w_t^{-1/\alpha}, \qquad d = \sum_t w_t g_t

    Args:
        alpha: 1 is proportional fairness, which is `NashMTL`; large values serve the worst-off objective.

    Raises:
        InputError: ``alpha`` is not positive.

    When to use:
        Where one number should choose the kind of fairness, from the sum through Nash's bargain
        to the worst task.

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
        return Weights(values=bargained(evidence.gramian(), alpha=self.alpha))
