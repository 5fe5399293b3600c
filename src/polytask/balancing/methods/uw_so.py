"""Soft optimal uncertainty weighting: a softmax of inverse losses."""

import torch

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["SoftUncertaintyWeighting"]


@catalogued("uw-so", "Kirchdorfer et al., GCPR 2024, arXiv:2408.07985")
class SoftUncertaintyWeighting(Balancer):
    r"""Weigh each objective by the softmax of its inverse loss (UW-SO).

    .. math:: w_t = T \, \mathrm{softmax}_t \frac{1 / L_t}{\tau}

    The inverse loss is where the learned precision of uncertainty weighting would settle; here it is taken as
    it is, and softened. The gradient does not pass through it. It holds no state, and knows no names:
    :math:`T` counts the objectives present.

    Args:
        temperature: :math:`\tau`, above 0; the larger, the more equal the weights. The paper tunes it for
            every data set and names no default; 1 suits losses of order 1.

    Raises:
        InputError: The temperature is not positive.

    When to use:
        In place of learned uncertainties where their training is unstable: weights follow from
        the losses in closed form. The temperature has to be chosen.

    References:
        Lukas Kirchdorfer, Cathrin Elich, Simon Kutsche, Heiner Stuckenschmidt, Lukas Schott, Jan M. Köhler,
        "Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning", GCPR 2024, arXiv:2408.07985.
        Deviations: the weights are multiplied by their number; private parameters get their unweighted
        gradient, as everywhere here.

    Example:
        >>> balancer = SoftUncertaintyWeighting()
        >>> balancer(Evidence(("a", "b"), torch.tensor([0.5, 1.0]), torch.Tensor)).values
        tensor([1.4621, 0.5379])
    """

    needs = "losses"

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(f"`temperature` of SoftUncertaintyWeighting must be above 0, got {temperature}.")
        self._temperature = temperature

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            TrainingError: A loss is not positive.
        """
        losses = positive(evidence.losses, evidence.names, "SoftUncertaintyWeighting")
        inverse = 1 / (losses * self._temperature)
        finite = inverse.clamp(max=torch.finfo(losses.dtype).max)  # a tiny loss has no inverse
        return Weights(values=len(losses) * torch.softmax(finite, 0))
