"""GO4Align: objectives in like condition form a group, and a group has one weight."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["GO4Align"]


@catalogued("go4align", "Shen et al., NeurIPS 2024, arXiv:2404.06486")
class GO4Align(Balancer):
    r"""Weigh the objectives by groups, found from their losses in every step.

    .. math:: \gamma_t = p_t q_t, \qquad p_t = \frac{\bar L}{L_t}, \qquad
        q \leftarrow \sigma[q \odot e^{-\beta L}], \qquad
        w_t = T \, \frac{\omega_{k(t)}}{\sum_s \omega_{k(s)}}

    The indicator :math:`\gamma_t` brings a loss to the size of the average one, :math:`\bar L`, and lets
    weight flow slowly to objectives whose losses have been low; :math:`\sigma` scales to the sum 1. The
    indicators of the :math:`T` objectives present are clustered by K-means; :math:`\omega_k`, the center of
    cluster k, is the weight of its objectives. Absent objectives keep their :math:`q_t`, and the present ones
    share what they had together.

    Args:
        names: The names of all objectives that may occur.
        n_groups: K, at least 1; the paper has 2 for 3 tasks and 5 for 11. With 1 all weights are equal; where
            fewer objectives are present, each is a group of its own.
        temperature: :math:`\beta`, at least 0.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Many tasks that fall into groups of like progress, from losses alone. It clusters in every
        step, and with few tasks there is nothing to cluster.

    References:
        Jiayi Shen, Cheems Wang, Zehao Xiao, Nanne van Noord, Marcel Worring, "GO4Align: Group Optimization
        for Multi-Task Alignment", NeurIPS 2024, arXiv:2404.06486, eq. 3 and 5 to 7; the default of
        ``temperature`` is that of the authors' code. Deviations: K-means is solved exactly, which in one
        dimension is easy, so nothing is drawn; the weights are scaled to sum to :math:`T`; private parameters
        get their unweighted gradient, as everywhere here.

    Example:
        >>> balancer = GO4Align(["a", "b", "c"], n_groups=2)
        >>> balancer(Evidence(("a", "b", "c"), torch.tensor([1.0, 1.0, 4.0]), torch.Tensor)).values
        tensor([1.3334, 1.3334, 0.3332])
    """

    needs = "losses"
    log_smoothness: Tensor

    def __init__(self, names: Sequence[str], *, n_groups: int = 2, temperature: float = 1e-4) -> None:
        super().__init__()
        if n_groups < 1 or not temperature >= 0:
            raise InputError(
                f"GO4Align needs `n_groups` >= 1 and `temperature` >= 0, got {n_groups} and {temperature}."
            )
        self._index = ObjectiveIndex(names, "GO4Align")
        self._n_groups, self._temperature = n_groups, temperature
        self.register_buffer("log_smoothness", torch.zeros(len(self._index)))  # log q, up to a constant

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not positive.
        """
        places = self._index.of(evidence.names)
        losses = positive(evidence.losses, evidence.names, "GO4Align").to(self.log_smoothness)
        before = self.log_smoothness[places]
        moved = before - self._temperature * losses
        moved = moved + (before.logsumexp(0) - moved.logsumexp(0))  # the sum over those present stays
        self.log_smoothness[places] = moved
        indicators = (moved - losses.log()).softmax(0)  # gamma, scaled to sum to 1
        weights = len(places) * _centers(indicators.cpu(), min(self._n_groups, len(places)))
        return Weights(values=weights.to(evidence.losses))


def _centers(values: Tensor, n_clusters: int) -> Tensor:
    """Return for each value ``[objective]`` the mean of its cluster, by exact K-means.

    Clusters on a line are runs of sorted values, so dynamic programming over their ends finds the best.
    """
    ordered, order = values.sort()
    n_values = len(values)
    zero = values.new_zeros(1)
    sums = torch.cat([zero, ordered.cumsum(0)])  # [end]
    squares = torch.cat([zero, ordered.square().cumsum(0)])
    ends = torch.arange(n_values + 1, device=values.device)
    sizes = ends[None] - ends[:, None]  # [begin, end]
    spread = squares[None] - squares[:, None] - (sums[None] - sums[:, None]).square() / sizes.clamp(min=1)
    cost = torch.where(sizes > 0, spread.clamp(min=0), torch.inf)
    best, begins = cost[0], []
    for _ in range(n_clusters - 1):
        best, begin = (best[:, None] + cost).min(0)
        begins.append(begin)
    centers = torch.empty_like(values)
    end = n_values
    for begin in [*(each.tolist() for each in reversed(begins)), [0] * (n_values + 1)]:
        centers[order[begin[end] : end]] = ordered[begin[end] : end].mean()
        end = begin[end]
    return centers
