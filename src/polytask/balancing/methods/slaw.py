"""SLAW: even out the gradients, whose lengths are guessed from how much the losses move."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["SLAW"]


@catalogued("slaw", "Crawshaw, Košecká, 2021, arXiv:2109.08218")
class SLAW(Balancer):
    r"""Weigh each objective by the inverse of its loss's standard deviation over the last steps.

    .. math:: w_t = T \, \frac{1 / s_t}{\sum_r 1 / s_r}, \qquad s_t^2 = a_t - b_t^2, \qquad
        a_t \leftarrow \beta a_t + (1 - \beta) L_t^2, \quad b_t \leftarrow \beta b_t + (1 - \beta) L_t

    A step moves a loss about as far as its gradient is long, so :math:`s_t` stands for the gradient's length
    at no cost. The averages start at 0; as long as they fill, :math:`s_t` is led by the size of the loss,
    and in the first step the weights are inverse to the losses. An absent objective keeps its averages, and
    :math:`T` counts those present.

    Args:
        names: The names of all objectives that may occur.
        smoothing: :math:`\beta`, at least 0 and below 1.
        minimum: The least :math:`s_t`, above 0; for losses that stand still.

    Raises:
        InputError: An argument does not fit.

    When to use:
        As a cheap stand-in for gradient norms: the spread of the losses over time. It needs some
        hundred steps before that spread says anything.

    References:
        Michael Crawshaw, Jana Košecká, "SLAW: Scaled Loss Approximate Weighting for Efficient Multi-Task
        Learning", 2021, arXiv:2109.08218. Deviation: private parameters get their unweighted gradient, as
        everywhere here.

    Example:
        >>> balancer = SLAW(["a", "b"])
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 3.0]), torch.Tensor)).values
        tensor([1.5000, 0.5000])
    """

    needs = "losses"
    mean: Tensor
    variance: Tensor

    def __init__(self, names: Sequence[str], *, smoothing: float = 0.99, minimum: float = 1e-5) -> None:
        super().__init__()
        if not 0 <= smoothing < 1 or not minimum > 0:
            raise InputError(
                f"SLAW needs 0 <= `smoothing` < 1 and `minimum` > 0, got {smoothing} and {minimum}."
            )
        self._index = ObjectiveIndex(names, "SLAW")
        self._smoothing, self._floor = smoothing, minimum
        self.register_buffer("mean", torch.zeros(len(self._index)))  # b, [objective]
        self.register_buffer("variance", torch.zeros(len(self._index)))  # s squared

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(evidence.names)
        # The same as a - b^2 from step to step, without the difference of two large numbers.
        moved = evidence.losses.to(self.mean) - self.mean[places]
        variance = self._smoothing * (self.variance[places] + (1 - self._smoothing) * moved.square())
        self.mean[places] += (1 - self._smoothing) * moved
        self.variance[places] = variance
        inverse = 1 / variance.sqrt().clamp(min=self._floor)
        return Weights(values=(len(places) * inverse / inverse.sum()).to(evidence.losses))
