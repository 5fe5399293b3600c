"""What a balancer sees and what it answers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["Balancer", "Direction", "Evidence", "Weights"]


class Evidence:
    """What a balancer may look at in one step; gradients are computed only if it asks for them.

    Args:
        names: The objectives of this step. A task without label in the step is not among them.
        losses: Their values, detached, ``[objective]``.
        jacobian: Computes the gradients with respect to the shared parameters,
            ``[objective, parameter]``.
    """

    def __init__(self, names: tuple[str, ...], losses: Tensor, jacobian: Callable[[], Tensor]) -> None:
        self.names = names
        self.losses = losses
        self._compute = jacobian
        self._rows: Tensor | None = None

    def jacobian(self) -> Tensor:
        """Return the gradient of every objective, ``[objective, parameter]``; computed once."""
        if self._rows is None:
            self._rows = self._compute()
        return self._rows

    def gramian(self) -> Tensor:
        """Return the inner products of the gradients, ``[objective, objective]``."""
        rows = self.jacobian()
        return rows @ rows.T


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """An update that is a weighted sum of the objectives' gradients.

    Args:
        values: ``[objective]``. Where a balancer has parameters of its own, they receive the gradient of
            ``(values * losses).sum() + regularizer``.
        regularizer: A scalar; None where there is none.
    """

    values: Tensor
    regularizer: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """An update that is no weighted sum, for methods that work coordinate by coordinate.

    Args:
        values: The gradient to hand to the optimizer, ``[parameter]``: the shared ones, flattened and joined.
    """

    values: Tensor


class Balancer(nn.Module, ABC):
    """Turns several objectives into one update of the shared parameters.

    State that must survive a step is a buffer or a parameter, kept by the objective's name: objectives may be
    absent from a step. By convention weights are 1 where nothing conflicts, so that methods differ in balance
    and not in step size.
    """

    @abstractmethod
    def forward(self, evidence: Evidence) -> Weights | Direction:
        """Return the update for the objectives of this step."""
