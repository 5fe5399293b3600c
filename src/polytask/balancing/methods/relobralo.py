"""Relative loss balancing with random lookback: more weight to losses that fell least."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["ReLoBRaLo"]


@catalogued("relobralo", "Bischof, Kraus, 2021, arXiv:2110.09813")
class ReLoBRaLo(Balancer):
    r"""Weigh each objective by how little its loss fell since the last step, or now and then since the first.

    .. math::
        \lambda(k) = \alpha \left( \rho \lambda(k - 1) + (1 - \rho) \hat\lambda(k, 0) \right)
        + (1 - \alpha) \hat\lambda(k, k - 1), \qquad
        \hat\lambda_t(k, j) = T \, \mathrm{softmax}_t \frac{L_t(k)}{\tau L_t(j)}

    In each step :math:`\rho` is drawn: 1, or rarely 0 to forget the past weights and look back to the first
    step. The draw comes from torch's global generator on the CPU, which `train` seeds for every step. An
    objective's first step has :math:`\lambda_t = 1`. Absent objectives keep what is known of them, and the
    weights of the :math:`T` present ones are scaled to sum to :math:`T`.

    Args:
        names: The names of all objectives that may occur.
        temperature: :math:`\tau`, above 0; the larger, the more equal the weights.
        smoothing: :math:`\alpha`, from 0 to 1.
        remembering: The chance that :math:`\rho` is 1, from 0 to 1.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Sums of many loss terms, such as those of physics-informed networks, which fall at
        different speeds. Temperature and look-back have to be chosen.

    References:
        Rafael Bischof, Michael Kraus, "Multi-Objective Loss Balancing for Physics-Informed Deep Learning",
        2021, arXiv:2110.09813. The paper tunes all three hyper-parameters; the defaults are common choices.
        Deviations: the average starts at equal weights and runs over all steps; private parameters
        get their unweighted gradient, as everywhere here.

    Example:
        >>> balancer = ReLoBRaLo(["a", "b"], smoothing=0.5)
        >>> for losses in ([1.0, 1.0], [1.0, 0.1]):  # b falls faster
        ...     update = balancer(Evidence(("a", "b"), torch.tensor(losses), torch.Tensor))
        >>> update.values
        tensor([1.2109, 0.7891])
    """

    needs = "losses"
    seen: Tensor
    first: Tensor
    previous: Tensor
    history: Tensor

    def __init__(
        self,
        names: Sequence[str],
        *,
        temperature: float = 1.0,
        smoothing: float = 0.999,
        remembering: float = 0.999,
    ) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "ReLoBRaLo")
        if not temperature > 0 or not 0 <= smoothing <= 1 or not 0 <= remembering <= 1:
            raise InputError(
                "ReLoBRaLo needs `temperature` > 0, and `smoothing` and `remembering` from 0 to 1, got "
                f"{temperature}, {smoothing} and {remembering}."
            )
        self._temperature, self._smoothing, self._remembering = temperature, smoothing, remembering
        self.register_buffer("seen", torch.zeros(len(self._index), dtype=torch.bool))  # [objective]
        self.register_buffer("first", torch.ones(len(self._index)))
        self.register_buffer("previous", torch.ones(len(self._index)))
        self.register_buffer("history", torch.ones(len(self._index)))  # lambda of the last step

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not positive.
        """
        places = self._index.of(evidence.names)
        losses = positive(evidence.losses, evidence.names, "ReLoBRaLo").to(self.history)
        remembers = bool(torch.rand(()) < self._remembering)
        seen = self.seen[places]
        self._begin(places[~seen.to(places.device)], losses[~seen])
        past = self.history[places] if remembers else self._balanced(losses, self.first[places])
        recent = self._balanced(losses, self.previous[places])
        mixed = self._smoothing * past + (1 - self._smoothing) * recent
        weights = torch.where(seen, mixed, torch.ones_like(mixed))
        self.history[places], self.previous[places] = weights, losses
        return Weights(values=(len(places) * weights / weights.sum()).to(evidence.losses))

    def _begin(self, places: Tensor, losses: Tensor) -> None:
        self.first[places], self.previous[places] = losses, losses
        self.seen[places] = True

    def _balanced(self, losses: Tensor, before: Tensor) -> Tensor:
        ratios = (losses / before / self._temperature).clamp(max=torch.finfo(losses.dtype).max)
        return len(losses) * ratios.softmax(0)
