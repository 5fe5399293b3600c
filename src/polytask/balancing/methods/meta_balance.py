"""MetaBalance: keep auxiliary gradients near the length of the main one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["MetaBalance"]


@catalogued(
    "meta-balance",
    "He et al., WWW 2022, arXiv:2203.06801",
    build=lambda names: MetaBalance(names, main=names[0]),
)
class MetaBalance(Balancer):
    r"""Bring auxiliary gradients near the length of the main objective's.

    .. math:: w_t = r\, \frac{m_{\mathrm{main}}}{m_t} + (1 - r), \qquad
        m_t \leftarrow \beta m_t + (1 - \beta) \lVert g_t \rVert

    The main objective has weight 1. Where it is absent from a step, its running length still counts.

    Args:
        names: The names of all objectives that may occur.
        main: The objective that matters.
        relax: :math:`r`: 1 makes lengths equal, 0 leaves them alone.
        beta: How much of the running length is kept.

    Raises:
        InputError: ``main`` is not among the names, or a number is not in its range.

    When to use:
        One main task, and auxiliary ones that must not drown it: their gradients are scaled to
        its length. It does not look at directions.

    References:
        Yun He et al., "MetaBalance: Improving Multi-Task Recommendations via Adapting Gradient Magnitudes of
        Auxiliary Tasks", WWW 2022, arXiv:2203.06801. Deviations: one length for all shared parameters in
        place of one a tensor; running lengths start at the first one seen in place of 0.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 4.0]])
        >>> balancer = MetaBalance(["a", "b"], main="a", relax=1.0)
        >>> balancer(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1.0000, 0.2500])
    """

    length: Tensor

    def __init__(self, names: Sequence[str], *, main: str, relax: float = 0.7, beta: float = 0.9) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "MetaBalance")
        if not 0 <= relax <= 1 or not 0 <= beta < 1:
            raise InputError(f"`relax` is from 0 to 1 and `beta` below 1; got relax={relax}, beta={beta}.")
        self._main = self._index.of([main])
        self.relax, self.beta = relax, beta
        self.register_buffer("length", torch.zeros(len(self._index)))  # 0: not seen yet

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(evidence.names)
        norms = evidence.gramian().diagonal().clamp(min=0).sqrt().to(self.length)
        before = self.length[places]
        self.length[places] = torch.where(before > 0, self.beta * before + (1 - self.beta) * norms, norms)
        lengths, main = self.length[places], self.length[self._main]
        known = (lengths > 0) & (main > 0)
        weights = self.relax * main / torch.where(known, lengths, 1.0) + (1 - self.relax)
        weights = torch.where(known & (places != self._main).to(known.device), weights, 1.0)
        return Weights(values=weights.to(evidence.losses))
