"""IMTL-L: learn a scale for every loss that brings them all to the same size."""

from collections.abc import Sequence

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.learned_precision import precision_weights
from polytask.balancing.state.learned_scalars import LearnedScalars

__all__ = ["IMTLL"]


@catalogued("imtl-l", "Liu et al., ICLR 2021")
class IMTLL(Balancer):
    r"""Weigh each objective by a learned scale, so that all scaled losses become 1 (IMTL-L).

    .. math:: \min_{\theta, s} \sum_t e^{s_t} L_t(\theta) - s_t

    The logarithms :math:`s_t` start at 0 and are trained by the same optimizer as the model. An objective
    that is absent from a step leaves its own untouched. With :math:`s = -\log \sigma^2` this is
    `UncertaintyWeighting`; the two differ in their derivation alone.

    Args:
        names: The names of all objectives that may occur.

    When to use:
        Losses of different sizes that should all count alike. It learns one scale a task, and
        inherits the drift of such scales on small data.

    References:
        Liyang Liu, Yi Li, Zhanghui Kuang, Jing-Hao Xue, Yimin Chen, Wenming Yang, Qingmin Liao, Wayne Zhang,
        "Towards Impartial Multi-task Learning", ICLR 2021. Deviation: private parameters get their unweighted
        gradient, as everywhere here.

    Example:
        >>> import torch
        >>> balancer = IMTLL(["a", "b"])
        >>> balancer(Evidence(("b",), torch.tensor([3.0]), torch.Tensor)).values
        tensor([1.], grad_fn=<ExpBackward0>)
    """

    needs = "losses"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.log_scale = LearnedScalars(names, "IMTLL", initial=0.0)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        return precision_weights(self.log_scale(evidence.names))
