"""GradVac: turn each gradient towards the others until its cosine is what it usually is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.repair import random_orders, repaired
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["GradVac"]


@catalogued("gradvac", "Wang et al., ICLR 2021, arXiv:2010.05874")
class GradVac(Balancer):
    r"""Turn each gradient towards the others until its cosine is what it usually is.

    Where the cosine :math:`\varphi_{ts}` of :math:`\tilde g_t` and :math:`g_s` is below its running mean
    :math:`\hat\varphi_{ts}`, a multiple of :math:`g_s` is added to reach it; then
    :math:`\hat\varphi_{ts} \leftarrow (1 - \beta) \hat\varphi_{ts} + \beta \varphi_{ts}`. It may raise an
    objective with a short gradient as often as `PCGrad` does.

    Args:
        names: The names of all objectives that may occur.
        beta: How fast the running mean follows.

    Raises:
        InputError: ``beta`` is not in [0, 1].

    When to use:
        Many tasks of which some should be alike, such as languages: it aims at the usual cosine
        of each pair. More state and noise than `PCGrad`.

    References:
        Zirui Wang, Yulia Tsvetkov, Orhan Firat, Yuan Cao, "Gradient Vaccine: Investigating and Improving
        Multi-task Optimization in Massively Multilingual Models", ICLR 2021, arXiv:2010.05874, Algorithm 1.
        Deviation: one cosine for all shared parameters in place of one a layer.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> GradVac(["a", "b"])(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([2.0000, 1.5000])
    """

    usual: Tensor

    def __init__(self, names: Sequence[str], *, beta: float = 0.01) -> None:
        super().__init__()
        if not 0 <= beta <= 1:
            raise InputError(f"`beta` must be from 0 to 1, got {beta}.")
        self.beta = beta
        self._index = ObjectiveIndex(names, "GradVac")
        self.register_buffer("usual", torch.zeros(len(self._index), len(self._index), dtype=torch.float64))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(evidence.names)
        gramian = evidence.gramian().detach().double().cpu()
        usual = self.usual[places[:, None], places].to(gramian)
        coefficients, usual = repaired(gramian, random_orders(len(gramian)), usual, decay=self.beta)
        self.usual[places[:, None], places] = usual.to(self.usual)
        return Weights(values=coefficients.sum(0).to(evidence.losses))
