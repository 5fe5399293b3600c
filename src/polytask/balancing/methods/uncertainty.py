"""Uncertainty weighting: learn a noise level for every objective."""

from collections.abc import Sequence

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.learned_precision import precision_weights
from polytask.balancing.state.learned_scalars import LearnedScalars

__all__ = ["UncertaintyWeighting"]


@catalogued("uncertainty", "Kendall, Gal, Cipolla, CVPR 2018, arXiv:1705.07115")
class UncertaintyWeighting(Balancer):
    r"""Weigh each objective by a learned precision.

    .. math:: \min_{\theta, s} \sum_t e^{-s_t} L_t(\theta) + s_t

    The log-variances :math:`s_t` start at 0 and are trained by the same optimizer as the model. An objective
    that is absent from a step leaves its own untouched.

    Args:
        names: The names of all objectives that may occur.

    When to use:
        Losses of different kinds and sizes, at no cost. On small data it can drive the weight of
        an easily memorized task up without end; watch the learned weights.

    References:
        Alex Kendall, Yarin Gal, Roberto Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for
        Scene Geometry and Semantics", CVPR 2018, arXiv:1705.07115, eq. 7 and 10. Deviations: the sum is
        doubled, which moves no minimum and makes the weights start at 1; the same form serves regression and
        classification; private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> import torch
        >>> balancer = UncertaintyWeighting(["a", "b"])
        >>> balancer(Evidence(("b",), torch.tensor([3.0]), torch.Tensor)).values
        tensor([1.], grad_fn=<ExpBackward0>)
    """

    needs = "losses"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.log_variance = LearnedScalars(names, "UncertaintyWeighting", initial=0.0)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        return precision_weights(-self.log_variance(evidence.names))
