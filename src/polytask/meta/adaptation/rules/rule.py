"""What an inner loop does with a gradient: a rule, which may itself have meta-learned parameters."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State

__all__ = ["InnerStep", "UpdateRule", "positive", "raise_if_any", "unit_interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerStep:
    """What a rule may look at.

    Args:
        index: The number of the step, from 0.
        parameters: The adapted parameters by name, ``[*parameter]``.
        gradients: Of the loss on the support, by the same names and shapes.
        loss: On the support before the step, a scalar.
    """

    index: int
    parameters: State
    gradients: State
    loss: Tensor


class UpdateRule(nn.Module, ABC):
    """Turns parameters and gradients into new parameters, differentiably.

    Parameters of the rule (learned rates, a network) are meta-learned with the initialization. A rule is a
    pure function: what it remembers between the steps of an episode is a dict of tensors that it returns.

    Example:
        >>> class SignDescent(UpdateRule):
        ...     def forward(self, step, memory):
        ...         return {name: p - 0.1 * step.gradients[name].sign()
        ...                 for name, p in step.parameters.items()}, memory
    """

    def optimizer_state(self, parameters: State) -> State:
        """Return what the rule remembers before the first step, by name; nothing unless overridden."""
        return {}

    @abstractmethod
    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Return the new parameters and the new memory."""


def positive(problems: list[str], **values: float) -> None:
    """Add a problem for every value that is not above 0."""
    problems += [f"`{name}` must be above 0, got {value}" for name, value in values.items() if not value > 0]


def unit_interval(problems: list[str], **values: float) -> None:
    """Add a problem for every value that is not at least 0 and below 1."""
    problems += [
        f"`{name}` must be at least 0 and below 1, got {value}"
        for name, value in values.items()
        if not 0 <= value < 1
    ]


def raise_if_any(problems: Sequence[str]) -> None:
    """Raise one error that lists all problems.

    Raises:
        InputError: There is any.
    """
    if problems:
        raise InputError("; ".join(problems) + ".")
