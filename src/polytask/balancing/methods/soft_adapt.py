"""SoftAdapt: a softmax of the rates at which the losses change."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.balancing.state.windowed_losses import WindowedLosses
from polytask.core import InputError

__all__ = ["SoftAdapt", "SoftAdaptVariant"]

SoftAdaptVariant: TypeAlias = Literal["original", "normalized", "loss-weighted"]
"""How the rates become weights; see `SoftAdapt`."""


@catalogued("soft-adapt", "Heydari et al., 2019, arXiv:1912.12355")
class SoftAdapt(Balancer):
    r"""Weigh each objective by the rate at which its loss changes; one that rises weighs most.

    .. math:: w_t = T \, \frac{f_t e^{\beta s_t}}{\sum_r f_r e^{\beta s_r}}, \qquad s_t = L_t(k) - L_t(k - 1)

    where :math:`L_t(k)` is the average loss over the k-th window of steps. The variants:

    - ``"original"``: as it stands, with :math:`f_t = 1`;
    - ``"normalized"``: with :math:`s_t / \sum_r |s_r|` for the rates, :math:`f_t = 1`;
    - ``"loss-weighted"``: with :math:`f_t = L_t(k)`, so that a large loss weighs more as well.

    An objective with less than two full windows has the weight 1. Each objective fills its own windows, and
    :math:`T` counts those present.

    Args:
        names: The names of all objectives that may occur.
        sharpness: :math:`\beta`; 0 gives equal weights, a negative one prefers losses that fall.
        window: Steps with the objective that make one of its windows.
        variant: How the rates become weights.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Loss terms whose recent trends should decide at once. It follows every wiggle of the
        losses; smooth batches help.

    References:
        A. Ali Heydari, Craig A. Thompson, Asif Mehmood, "SoftAdapt: Techniques for Adaptive Loss Weighting of
        Neural Networks with Multi-Part Loss Functions", 2019, arXiv:1912.12355. Deviations: the rate is the
        difference between the averages of two windows, where the paper takes finite differences of single
        losses; the weights are multiplied by their number; private parameters get their unweighted gradient,
        as everywhere here.

    Example:
        >>> balancer = SoftAdapt(["a", "b"], sharpness=1.0, window=1)
        >>> for losses in ([2.0, 2.0], [2.0, 1.0]):  # b falls
        ...     first = balancer(Evidence(("a", "b"), torch.tensor(losses), torch.Tensor))
        >>> balancer(Evidence(("a", "b"), torch.ones(2), torch.Tensor)).values
        tensor([1.4621, 0.5379])
    """

    needs = "losses"

    def __init__(
        self,
        names: Sequence[str],
        *,
        sharpness: float = 0.1,
        window: int = 5,
        variant: SoftAdaptVariant = "original",
    ) -> None:
        super().__init__()
        if variant not in get_args(SoftAdaptVariant):
            known = ", ".join(get_args(SoftAdaptVariant))
            raise InputError(f"SoftAdapt has no variant {variant!r}; there are {known}.")
        self._index = ObjectiveIndex(names, "SoftAdapt")
        self._sharpness, self._variant = sharpness, variant
        self.losses = WindowedLosses(len(self._index), window=window)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: An average loss is not positive, in the variant ``"loss-weighted"``.
        """
        places = self._index.of(evidence.names)
        known = self.losses.n_windows[places] >= 2
        values = torch.ones_like(evidence.losses)
        if known.any():
            names = [name for name, each in zip(evidence.names, known.tolist()) if each]
            shares = self._shares(places[known.to(places.device)], names)
            values[known] = (len(shares) * shares).to(values)
        self.losses.add(places, evidence.losses)
        return Weights(values=values)

    def _shares(self, places: Tensor, names: Sequence[str]) -> Tensor:
        newer = self.losses.newer[places]
        rates = newer - self.losses.older[places]
        if self._variant == "normalized":
            rates = rates / rates.abs().sum().clamp(min=torch.finfo(rates.dtype).tiny)
        logits = self._sharpness * rates
        if self._variant == "loss-weighted":
            logits = logits + positive(newer, names, "SoftAdapt", what="average loss").log()
        return logits.softmax(0)
