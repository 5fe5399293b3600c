"""GradNorm: learn weights with which all objectives train at similar rates."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.learned_scalars import LearnedScalars
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import another_loss
from polytask.core import InputError, TrainingError

__all__ = ["GradNorm"]


@catalogued("gradnorm", "Chen et al., ICML 2018, arXiv:1711.02257")
class GradNorm(Balancer):
    r"""Learn weights with which every objective's gradient has the length that its progress asks for.

    .. math:: \min_w \sum_t \Bigl\lvert w_t n_t - \bar n\, r_t^\alpha \Bigr\rvert, \qquad
        n_t = \lVert g_t \rVert, \quad \bar n = \tfrac1T \sum_s w_s n_s, \quad
        r_t = \frac{L_t / L_t(0)}{\tfrac1T \sum_s L_s / L_s(0)}

    with the target :math:`\bar n\, r_t^\alpha` held constant. The weights are trained by the same optimizer
    as the model and have mean 1 over the objectives of a step; an absent objective's is left alone.

    Args:
        names: The names of all objectives that may occur.
        alpha: How strongly a slow objective is pulled ahead; 0 makes all gradients equally long.

    Raises:
        InputError: ``alpha`` is negative.

    When to use:
        Tasks that should train at a like pace, where one backward pass a task, at the last shared
        layer, can be paid for.

    References:
        Zhao Chen, Vijay Badrinarayanan, Chen-Yu Lee, Andrew Rabinovich, "GradNorm: Gradient Normalization for
        Adaptive Loss Balancing in Deep Multitask Networks", ICML 2018, arXiv:1711.02257, eq. 1 and 2.
        Deviations: gradients of all shared parameters in place of the last shared layer's (that is the engine
        ``features``, nearly); weights are a softmax of what is trained, in place of being rescaled after
        every step, so they stay positive; L(0) is the first value seen.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> GradNorm(["a", "b"])(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    initial: Tensor

    def __init__(self, names: Sequence[str], *, alpha: float = 1.5) -> None:
        super().__init__()
        if alpha < 0:
            raise InputError(f"`alpha` must not be negative, got {alpha}.")
        self.alpha = alpha
        self._index = ObjectiveIndex(names, "GradNorm")
        self.log_weight = LearnedScalars(names, "GradNorm", initial=0.0)
        self.register_buffer("initial", torch.full((len(self._index),), torch.nan))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: The first loss of an objective is not positive.
        """
        places = self._index.of(evidence.names)
        losses = evidence.losses.to(self.initial)
        first = self.initial[places]
        self.initial[places] = torch.where(first.isnan(), losses, first)
        first = self.initial[places]
        if not bool((first > 0).all()):
            bad = [n for n, good in zip(evidence.names, (first > 0).tolist()) if not good]
            raise TrainingError(
                f"GradNorm needs positive losses; the first of {', '.join(bad)} is not. "
                f"{another_loss('positive')}"
            )
        norms = evidence.gramian().diagonal().clamp(min=0).sqrt().to(self.initial)
        with torch.enable_grad():
            weights = torch.softmax(self.log_weight(evidence.names), 0) * len(places)
            lengths = weights * norms
            ratio = losses / first
            rate = ratio / ratio.mean() if float(ratio.mean()) > 0 else torch.ones_like(ratio)
            target = (lengths.mean() * rate.clamp(min=0) ** self.alpha).detach()
            criterion = (lengths - target).abs().sum()
        return Weights(values=weights.detach().to(evidence.losses), regularizer=criterion)
