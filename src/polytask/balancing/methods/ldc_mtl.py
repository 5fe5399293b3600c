"""LDC-MTL: keep the weighted losses close to each other."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.learned_scalars import LearnedScalars
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["LDCMTL", "DiscrepancyScale"]

DiscrepancyScale: TypeAlias = Literal["weights", "ones"]
"""By what losses are multiplied before they are compared; see `LDCMTL`."""

_ROUNDING = 1e-5  # of losses in single precision that went through a few products


@catalogued("ldc-mtl", "Xiao et al., 2025, arXiv:2502.08585")
class LDCMTL(Balancer):
    r"""Lower a learned weighted sum of the losses, and the differences between neighbours.

    .. math:: \min_{\theta, s} T \left( \sum_t \sigma_t \tilde L_t + \lambda \sum_{t < T}
        \left| \tau_t \tilde L_t - \tau_{t+1} \tilde L_{t+1} \right| \right), \qquad
        \sigma = \mathrm{softmax}(s), \qquad \tilde L_t = \frac{L_t}{L_t(0) / \min_r L_r(0)}

    where :math:`L_t(0)` is the loss in the objective's first step, and :math:`\tau_t` is either
    :math:`\sigma_t` or 1. The logits :math:`s_t` start at 0 and are trained by the same optimizer as the
    model. Neighbours are those present in the step, in the order of ``names``; an absent objective's logit
    and first loss stay. A weight may be negative: with ``"ones"`` always, with ``"weights"`` where
    :math:`\lambda \ge 1 / 2`.

    Args:
        names: The names of all objectives that may occur.
        penalty: :math:`\lambda`, at least 0; the authors take 0.01 to 0.1, by data set.
        scale: :math:`\tau`.
        normalize: Whether losses are divided as above; else :math:`\tilde L_t = L_t`.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Many tasks whose losses should end at equal levels, at the cost of one step. Equal losses
        must make sense: not for losses in different units.

    References:
        Peiyao Xiao, Chaosheng Dong, Shaofeng Zou, Kaiyi Ji, "LDC-MTL: Balancing Multi-Task Learning through
        Scalable Loss Discrepancy Control", 2025, arXiv:2502.08585; the single-loop form of the authors' code.
        Deviations: a logit per objective in place of a router network on the shared features, which a
        balancer does not see; the sum is multiplied by :math:`T`; private parameters get their
        unweighted gradient, as everywhere here.

    Example:
        >>> balancer = LDCMTL(["a", "b"])
        >>> balancer(Evidence(("a", "b"), torch.tensor([2.0, 2.0]), torch.Tensor)).values.tolist()
        [1.0, 1.0]
        >>> update = balancer(Evidence(("a", "b"), torch.tensor([2.0, 1.0]), torch.Tensor))  # b fell
        >>> update.values.detach()
        tensor([1.1000, 0.9000])
    """

    needs = "losses"
    first: Tensor

    def __init__(
        self,
        names: Sequence[str],
        *,
        penalty: float = 0.1,
        scale: DiscrepancyScale = "weights",
        normalize: bool = True,
    ) -> None:
        super().__init__()
        problems = []
        if not penalty >= 0:
            problems.append(f"`penalty` must be at least 0, got {penalty}")
        if scale not in get_args(DiscrepancyScale):
            problems.append(f"`scale` is {scale!r}; use one of {', '.join(get_args(DiscrepancyScale))}")
        if problems:
            raise InputError("LDCMTL: " + "; ".join(problems) + ".")
        self._index = ObjectiveIndex(names, "LDCMTL")
        self._penalty, self._scale, self._normalize = penalty, scale, normalize
        self.logits = LearnedScalars(names, "LDCMTL", initial=0.0)
        self.register_buffer("first", torch.zeros(len(self._index)))  # [objective], 0 for none yet

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: With ``normalize``, the first loss of an objective is not positive.
        """
        places = self._index.of(evidence.names)
        ratios = self._ratios(places, evidence) if self._normalize else torch.ones_like(evidence.losses)
        shares = self.logits(evidence.names).softmax(0).to(evidence.losses)
        scale = shares if self._scale == "weights" else torch.ones_like(shares)
        order = places.argsort().to(evidence.losses.device)
        signs = torch.empty_like(ratios)
        signs[order] = _signs((scale.detach() * evidence.losses / ratios)[order])
        return Weights(values=len(places) * (shares + self._penalty * signs * scale) / ratios)

    def _ratios(self, places: Tensor, evidence: Evidence) -> Tensor:
        new = (self.first[places] == 0).to(places.device)
        names = [name for name, each in zip(evidence.names, new.tolist()) if each]
        fresh = evidence.losses[new.to(evidence.losses.device)]
        self.first[places[new]] = positive(fresh, names, "LDCMTL", what="first loss").to(self.first)
        return (self.first[places] / self.first[self.first > 0].min()).to(evidence.losses)


def _signs(values: Tensor) -> Tensor:
    """Return the gradient of the summed differences between neighbours, ``[objective]``.

    Neighbours that agree but for rounding count as equal: in the first step all normalized losses are, and
    the sign of their rounding errors would decide the weights.
    """
    left, right = values[:-1], values[1:]
    equal = (left - right).abs() <= _ROUNDING * torch.maximum(left.abs(), right.abs())
    signs = (left - right).sign().masked_fill(equal, 0.0)
    zero = signs.new_zeros(1)
    return torch.cat([signs, zero]) - torch.cat([zero, signs])
