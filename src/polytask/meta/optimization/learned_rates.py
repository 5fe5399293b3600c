"""Gradient descent with meta-learned rates."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.optimization.parameter_names import as_key

__all__ = ["LearnedRates"]


class LearnedRates(UpdateRule):
    r"""Gradient descent, :math:`\phi \leftarrow \phi - \alpha_k \circ g`, whose rates are learned.

    Args:
        parameters: The adapted parameters by name, for their shapes.
        rate: The initial rate, or the two ends of the interval from which it is drawn uniformly.
        n_steps: None has the same rates in every step; else each has its own, and steps beyond these use the
            last ones.
        per_element: Whether every number of a parameter has its own rate, or all of a tensor share one.

    Raises:
        InputError: There is no parameter, or ``n_steps`` is below 1.

    Example:
        >>> rule = LearnedRates({"w": torch.zeros(2)}, rate=0.1)
        >>> step = InnerStep(
        ...     index=0, parameters={"w": torch.ones(2)}, gradients={"w": torch.ones(2)}, loss=torch.ones(())
        ... )
        >>> rule(step, {})[0]["w"].detach()
        tensor([0.9000, 0.9000])
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        rate: float | tuple[float, float] = (0.005, 0.1),
        n_steps: int | None = None,
        per_element: bool = True,
    ) -> None:
        if not parameters:
            raise InputError("`parameters` is empty; name the parameters that the rates are for.")
        if n_steps is not None and n_steps < 1:
            raise InputError(f"`n_steps` must be at least 1, got {n_steps}; None shares rates between steps.")
        super().__init__()
        low, high = rate if isinstance(rate, tuple) else (rate, rate)
        self.per_step = n_steps is not None
        lead = [] if n_steps is None else [n_steps]
        self.rates = nn.ParameterDict()
        for name, parameter in parameters.items():
            shape = [*lead, *(parameter.shape if per_element else [])]
            start = torch.empty(shape, dtype=parameter.dtype, device=parameter.device)
            self.rates[as_key(name)] = nn.Parameter(
                start.uniform_(low, high) if high > low else start.fill_(low)
            )

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Descend by the learned rates."""
        found = {}
        for name, parameter in step.parameters.items():
            rate = self.rates[as_key(name)]
            if self.per_step:
                rate = rate[min(step.index, len(rate) - 1)]
            found[name] = parameter - rate * step.gradients[name]
        return found, optimizer_state
