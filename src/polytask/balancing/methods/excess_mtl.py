"""ExcessMTL: weigh objectives by how far they are from what they could reach."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.grown_buffers import register_grown_buffer
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["ExcessMTL"]


@catalogued("excess-mtl", "He et al., ICML 2024, arXiv:2402.02009")
class ExcessMTL(Balancer):
    r"""Weigh objectives by their excess risk, which noise in the labels does not raise.

    .. math:: E_t = g_t^\top \mathrm{diag}\bigl(\sqrt{\textstyle\sum g_t^2}\bigr)^{-1} g_t, \qquad
        w_t \leftarrow \frac{w_t\, e^{\eta E_t / E_t(0)}}{\sum_s w_s\, e^{\eta E_s / E_s(0)}}

    Memory: a sum of squares for every objective and shared parameter. Objectives absent from a step keep
    their weight; those present keep the sum of theirs.

    Args:
        names: The names of all objectives that may occur.
        rate: :math:`\eta`.
        n_warmup_steps: Steps of an objective over which :math:`E_t(0)` is averaged; weights are equal until
            every objective present has had them.

    Raises:
        InputError: ``rate`` is not positive, or ``n_warmup_steps`` is below 1.

    When to use:
        Labels of some tasks that are noisy: weight goes by how far a task still is from its best,
        not by its loss. Keeps squares of all gradients.

    References:
        Yifei He et al., "Robust Multi-Task Learning with Excess Risks", ICML 2024, arXiv:2402.02009, eq. 6, 7
        and 9. Deviation: weights times the number of objectives.

    Example:
        >>> rows = torch.eye(2)
        >>> ExcessMTL(["a", "b"])(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    needs = "jacobian"
    squares: Tensor
    baseline: Tensor
    steps: Tensor
    log_weight: Tensor

    def __init__(self, names: Sequence[str], *, rate: float = 1.0, n_warmup_steps: int = 1) -> None:
        super().__init__()
        if not rate > 0 or n_warmup_steps < 1:
            raise InputError(
                f"`rate` must be positive and `n_warmup_steps` at least 1; got {rate} and {n_warmup_steps}."
            )
        self.rate, self.n_warmup_steps = rate, n_warmup_steps
        self._index = ObjectiveIndex(names, "ExcessMTL")
        n = len(self._index)
        self.register_buffer("baseline", torch.zeros(n, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros(n, dtype=torch.long))
        self.register_buffer("log_weight", torch.zeros(n, dtype=torch.float64))
        register_grown_buffer(self, "squares")  # [objective, parameter]

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(evidence.names)
        excess = self._excess(places, evidence.jacobian())
        warming = self.steps[places] < self.n_warmup_steps
        self.steps[places] += 1
        share = torch.where(warming, excess / self.n_warmup_steps, 0.0)
        self.baseline[places] += share.to(self.baseline)
        if bool(warming.any()):
            return Weights(values=torch.ones_like(evidence.losses))
        first = self.baseline[places]
        ratio = torch.where(first > 0, excess / torch.where(first > 0, first, 1.0), 0.0)
        before = self.log_weight[places]
        after = (before + self.rate * ratio.to(before)).log_softmax(0)
        self.log_weight[places] = after + before.logsumexp(0)
        return Weights(values=(after.exp() * len(places)).to(evidence.losses))

    def _excess(self, places: Tensor, rows: Tensor) -> Tensor:
        """Return the excess risk ``[objective]``; a parameter that never had a gradient adds nothing."""
        if self.squares.numel() == 0:
            self.squares = rows.new_zeros(len(self._index), rows.shape[1])
        self.squares[places] += rows.square().to(self.squares)
        curvature = self.squares[places].to(rows).sqrt()
        terms = torch.where(curvature > 0, rows.square() / torch.where(curvature > 0, curvature, 1.0), 0.0)
        return terms.sum(1).to(self.baseline)
