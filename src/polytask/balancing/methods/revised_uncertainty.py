"""Revised uncertainty weighting: a regularizer that is never negative."""

from collections.abc import Sequence

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.learned_scalars import LearnedScalars

__all__ = ["RevisedUncertaintyWeighting"]


@catalogued("revised-uncertainty", "Liebel, Körner, 2018, arXiv:1805.06334")
class RevisedUncertaintyWeighting(Balancer):
    r"""Weigh each objective by a learned precision, with a regularizer that cannot become negative.

    .. math:: \min_{\theta, c} \sum_t \frac{1}{c_t^2} L_t(\theta) + 2 \log(1 + c_t^2)

    The noise levels :math:`c_t` start at 1 and are trained by the same optimizer as the model. An objective
    that is absent from a step leaves its own untouched.

    Args:
        names: The names of all objectives that may occur.

    When to use:
        As `UncertaintyWeighting`, where its regularizer made the total loss negative or weights
        ran away.

    References:
        Lukas Liebel, Marco Körner, "Auxiliary Tasks in Multi-task Learning", 2018, arXiv:1805.06334.
        Deviations: the sum is doubled, which moves no minimum and makes the weights start at 1; private
        parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> import torch
        >>> balancer = RevisedUncertaintyWeighting(["a", "b"])
        >>> balancer(Evidence(("b",), torch.tensor([3.0]), torch.Tensor)).values
        tensor([1.], grad_fn=<PowBackward0>)
    """

    needs = "losses"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.noise = LearnedScalars(names, "RevisedUncertaintyWeighting", initial=1.0)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        present = self.noise(evidence.names)  # [objective]
        return Weights(values=present**-2, regularizer=2 * present.square().log1p().sum())
