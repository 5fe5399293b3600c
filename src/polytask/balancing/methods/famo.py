"""FAMO: lower all losses at the same relative rate, looking at the losses alone."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.entrywise_adam import EntrywiseAdam
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError, TrainingError

__all__ = ["FAMO"]


@catalogued("famo", "Liu et al., NeurIPS 2023, arXiv:2306.03792")
class FAMO(Balancer):
    r"""Weigh the objectives so that all fall at one rate, judged by their losses before and after a step.

    .. math::
        w_t = T \, \frac{z_t / (L_t - b_t)}{\sum_s z_s / (L_s - b_s)}, \qquad z = \mathrm{softmax}(\xi)

    After the update, the logits :math:`\xi` take a step of Adam along

    .. math:: \nabla_\xi \sum_t z_t \delta_t + \gamma \xi, \qquad
        \delta_t = \log(L_t^\text{before} - b_t) - \log(L_t^\text{after} - b_t)

    so that an objective that fell more than the others weighs less next time. Objectives that are absent
    from a step have no part in it: their logits and their moments in Adam stay.

    Args:
        names: The names of all objectives that may occur.
        learning_rate: Of the logits.
        decay: :math:`\gamma`, how strongly the logits are drawn to 0.
        lower_bounds: :math:`b_t`, by name, below anything the loss can be; 0 for those left out.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Many tasks, where all should fall at one rate and gradients of each are too dear: it needs
        one more forward pass, and no backward one.

    References:
        Bo Liu, Yihao Feng, Peter Stone, Qiang Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS
        2023, arXiv:2306.03792. Deviations: the weights are multiplied by their number; a loss
        at or below its bound is an error where the authors' code adds a small constant; Adam counts the
        steps of each objective by itself; private parameters get their unweighted gradient, as everywhere
        here.

    Example:
        >>> balancer = FAMO(["a", "b"])
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 1.0]), torch.Tensor)).values
        tensor([1., 1.])
        >>> balancer.after_step(("a", "b"), torch.tensor([0.5, 1.0]))  # a fell
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 1.0]), torch.Tensor)).values
        tensor([0.9750, 1.0250])
    """

    needs = "losses"
    lower_bounds: Tensor
    logits: Tensor
    before: Tensor

    def __init__(
        self,
        names: Sequence[str],
        *,
        learning_rate: float = 0.025,
        decay: float = 1e-3,
        lower_bounds: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "FAMO")
        if not learning_rate >= 0 or not decay >= 0:
            raise InputError(
                f"`learning_rate` and `decay` of FAMO must be at least 0, got {learning_rate} and {decay}."
            )
        self._decay = decay
        n_objectives = len(self._index)
        # Buffers and not parameters: the model's optimizer must not move them.
        self.register_buffer("lower_bounds", torch.zeros(n_objectives))  # [objective]
        self.register_buffer("logits", torch.zeros(n_objectives, dtype=torch.float64))
        self.adam = EntrywiseAdam(n_objectives, rate=learning_rate, minimum=1e-8)
        self.register_buffer("before", torch.full((n_objectives,), torch.nan))
        if lower_bounds:
            self.lower_bounds[self._index.of(list(lower_bounds))] = torch.tensor(list(lower_bounds.values()))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not above its lower bound.
        """
        places = self._index.of(evidence.names)
        above = self._above(evidence.losses, places, evidence.names)
        self.before[places] = above.to(self.before)
        shares = self.logits[places].softmax(0).to(above) / above
        return Weights(values=len(places) * shares / shares.sum())

    def after_step(self, names: tuple[str, ...], losses: Tensor) -> None:
        """See `Balancer.after_step`.

        Raises:
            TrainingError: A loss is not above its lower bound, or was never seen before the update.
        """
        places = self._index.of(names)
        before = self.before[places]
        if before.isnan().any():
            raise TrainingError("FAMO was asked to look after a step that it did not see; call it first.")
        fall = before.log() - self._above(losses, places, names).to(before).log()
        shares = self.logits[places].softmax(0)
        gradient = shares * (fall - (shares * fall).sum())  # of shares . fall, in the logits
        self.logits[places] += self.adam(places, gradient + self._decay * self.logits[places])

    def _above(self, losses: Tensor, places: Tensor, names: Sequence[str]) -> Tensor:
        gap = losses.detach() - self.lower_bounds[places].to(losses)
        return positive(gap, names, "FAMO", what="distance of the loss to its lower bound")
