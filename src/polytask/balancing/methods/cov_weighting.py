"""Coefficient-of-variation weighting: more weight to losses that still move."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive

__all__ = ["CoVWeighting"]

_VARIANCE_FLOOR = 1e-8
"""Added to the variance, so that losses that all stand still share the weight."""


@catalogued("cov", "Groenendijk et al., WACV 2021, arXiv:2009.01717")
class CoVWeighting(Balancer):
    r"""Weigh each objective by the coefficient of variation of its loss ratio.

    .. math:: w_t = T \, \frac{c_t}{\sum_s c_s}, \qquad c_t = \frac{\sigma_{\ell_t}}{\mu_{\ell_t}}, \qquad
        \ell_t = \frac{L_t}{\mu_{L_t}}

    where :math:`\mu_{L_t}` is the mean of the losses of all steps before, and :math:`\sigma` and
    :math:`\mu` of the ratios :math:`\ell_t` run over all steps before. A loss that has settled has a
    small weight, whatever its size. An objective seen less than twice has the weight 1. Each
    objective counts its own steps, and :math:`T` counts those present.

    Args:
        names: The names of all objectives that may occur.

    When to use:
        Losses of different scale without parameters to learn or choose. It favours tasks whose
        loss is noisy, also where the noise cannot be learned.

    References:
        Rick Groenendijk, Sezer Karaoglu, Theo Gevers, Thomas Mensink, "Multi-Loss Weighting with Coefficient
        of Variations", WACV 2021, arXiv:2009.01717. Means and variances run over all steps, by Welford's
        algorithm, and 1e-8 is added to the variance, as in the authors' code. Deviations: the weights are
        multiplied by their number; private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> balancer = CoVWeighting(["a", "b"])
        >>> for losses in ([1.0, 100.0], [0.5, 99.0]):  # a moves more
        ...     first = balancer(Evidence(("a", "b"), torch.tensor(losses), torch.Tensor))
        >>> balancer(Evidence(("a", "b"), torch.tensor([0.4, 98.0]), torch.Tensor)).values
        tensor([1.9703, 0.0297])
    """

    needs = "losses"
    n_seen: Tensor
    mean_loss: Tensor
    mean_ratio: Tensor
    squares: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "CoVWeighting")
        for name in ("n_seen", "mean_loss", "mean_ratio", "squares"):  # squares: summed, about the mean ratio
            self.register_buffer(name, torch.zeros(len(self._index)))  # [objective]

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not positive.
        """
        places = self._index.of(evidence.names)
        losses = positive(evidence.losses, evidence.names, "CoVWeighting")
        values = self._weights(places)
        self._add(places, losses.to(self.mean_loss))
        return Weights(values=values.to(losses))

    def _weights(self, places: Tensor) -> Tensor:
        seen = self.n_seen[places]
        deviation = (self.squares[places] / seen.clamp(min=1) + _VARIANCE_FLOOR).sqrt()
        known = seen >= 2
        coefficients = torch.where(known, deviation / self.mean_ratio[places], torch.zeros_like(seen))
        total = coefficients.sum()
        return torch.where(known, known.sum() * coefficients / total, torch.ones_like(seen))

    def _add(self, places: Tensor, losses: Tensor) -> None:
        n_seen, mean_loss, mean_ratio = self.n_seen[places], self.mean_loss[places], self.mean_ratio[places]
        ratios = losses / torch.where(n_seen > 0, mean_loss, losses)
        moved = mean_ratio + (ratios - mean_ratio) / (n_seen + 1)
        self.squares[places] += (ratios - mean_ratio) * (ratios - moved)
        self.mean_ratio[places] = moved
        self.mean_loss[places] = mean_loss + (losses - mean_loss) / (n_seen + 1)
        self.n_seen[places] = n_seen + 1
