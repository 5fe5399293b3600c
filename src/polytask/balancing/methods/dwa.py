"""Dynamic weight averaging: more weight where the loss has fallen least."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.balancing.state.windowed_losses import WindowedLosses
from polytask.core import InputError

__all__ = ["DWA"]


@catalogued("dwa", "Liu, Johns, Davison, CVPR 2019, arXiv:1803.10704")
class DWA(Balancer):
    r"""Weigh each objective by how slowly its loss has been falling, from one epoch to the next.

    .. math:: w_t = T \, \mathrm{softmax}_t(r_t / \tau), \qquad r_t = L_t(e - 1) / L_t(e - 2)

    where :math:`L_t(e)` is the average loss over epoch :math:`e`. An objective with less than two full epochs
    has :math:`r_t = 1`. Absent objectives keep their epochs as they are, and :math:`T` counts those present.

    Args:
        names: The names of all objectives that may occur.
        temperature: :math:`\tau`, above 0; the larger, the more equal the weights.
        window: Steps with the objective that make one of its epochs. Set it to the steps that your source
            needs for all its examples.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Tasks that learn at different speeds, at no cost. It looks at ratios of losses of whole
        epochs, so it is slow to react and noisy for short epochs.

    References:
        Shikun Liu, Edward Johns, Andrew J. Davison, "End-to-End Multi-Task Learning with Attention",
        CVPR 2019, arXiv:1803.10704. Deviations: an epoch is a number of steps, counted for each
        objective by itself; private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> balancer = DWA(["a", "b"], window=1)
        >>> for losses in ([1.0, 1.0], [1.0, 0.1]):  # b falls faster
        ...     first = balancer(Evidence(("a", "b"), torch.tensor(losses), torch.Tensor))
        >>> first.values
        tensor([1., 1.])
        >>> balancer(Evidence(("a", "b"), torch.ones(2), torch.Tensor)).values
        tensor([1.2213, 0.7787])
    """

    needs = "losses"

    def __init__(self, names: Sequence[str], *, temperature: float = 2.0, window: int = 100) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(f"`temperature` of DWA must be above 0, got {temperature}.")
        self._index = ObjectiveIndex(names, "DWA")
        self._temperature = temperature
        self.losses = WindowedLosses(len(self._index), window=window)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: An average loss is not positive.
        """
        places = self._index.of(evidence.names)
        rates = self._rates(places, evidence.names).to(evidence.losses)  # [objective]
        self.losses.add(places, evidence.losses)
        return Weights(values=len(rates) * torch.softmax(rates / self._temperature, 0))

    def _rates(self, places: Tensor, names: Sequence[str]) -> Tensor:
        known = self.losses.n_windows[places] >= 2
        one = torch.ones_like(self.losses.newer[places])
        older, newer = (
            positive(torch.where(known, average[places], one), names, "DWA", what="average loss")
            for average in (self.losses.older, self.losses.newer)
        )
        return newer / older
