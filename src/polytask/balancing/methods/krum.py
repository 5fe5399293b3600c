"""Krum: keep the gradients that are nearest to their neighbours."""

import torch

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.core import InputError

__all__ = ["Krum"]


@catalogued("krum", "Blanchard et al., NIPS 2017")
class Krum(Balancer):
    r"""Keep the gradients that are nearest to their neighbours.

    .. math:: s_t = \sum_{u \in N_t} \lVert g_t - g_u \rVert^2

    where :math:`N_t` are the :math:`n - f - 2` gradients nearest to :math:`g_t`, of :math:`n` with :math:`f`
    outliers, and at least one; those of the smallest scores are kept.

    Args:
        n_outliers: :math:`f`, how many gradients may be unlike the others.
        n_kept: How many to keep, with equal weight.

    Raises:
        InputError: ``n_outliers`` is negative, or ``n_kept`` is below 1.

    When to use:
        Objectives that may be faulty, such as those of unreliable workers: it trusts those that
        agree. Not for tasks that merely differ.

    References:
        Peva Blanchard, El Mahdi El Mhamdi, Rachid Guerraoui, Julien Stainer, "Machine Learning with
        Adversaries: Byzantine Tolerant Gradient Descent", NIPS 2017. Deviation: times the number of
        objectives.

    Example:
        >>> rows = torch.tensor([[1.0], [1.1], [1.2], [60.0]])
        >>> Krum(n_kept=2)(Evidence(("a", "b", "c", "d"), torch.ones(4), lambda: rows)).values
        tensor([2., 2., 0., 0.])
    """

    def __init__(self, *, n_outliers: int = 1, n_kept: int = 1) -> None:
        super().__init__()
        if n_outliers < 0 or n_kept < 1:
            raise InputError(
                f"`n_outliers` must not be negative and `n_kept` at least 1; got {n_outliers} and {n_kept}."
            )
        self.n_outliers, self.n_kept = n_outliers, n_kept

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        gramian = evidence.gramian().double()
        n = len(gramian)
        squares = gramian.diagonal()
        distances = (squares[:, None] + squares - 2 * gramian).clamp(min=0)
        distances.fill_diagonal_(torch.inf)  # nobody is a neighbour of its own
        n_near = min(max(n - self.n_outliers - 2, 1), n - 1)
        scores = distances.sort(1).values[:, :n_near].sum(1)
        kept = scores.argsort(stable=True)[: min(self.n_kept, n)]
        values = torch.zeros_like(evidence.losses)
        values[kept] = n / len(kept)
        return Weights(values=values)
