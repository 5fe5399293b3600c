"""Balancers made of TorchJD's algorithms."""

from typing import TypeVar

import torch
from torch import nn
from torchjd import Stateful
from torchjd.aggregation import Aggregator, Weighting
from torchjd.scalarization import IMTLL, UW, Scalarizer

from polytask.balancing.balancer import Balancer, Direction, Weights
from polytask.balancing.evidence import Evidence
from polytask.core import InputError, TrainingError

__all__ = ["Aggregated", "GramianWeighted", "Scalarized"]

Module = TypeVar("Module", bound=nn.Module)


class GramianWeighted(Balancer):
    """Weigh objectives by any TorchJD weighting of the Gramian.

    Args:
        weighting: A `torchjd.aggregation.Weighting` that takes ``[objective, objective]``.
        mean: Whether its weights sum to 1 where nothing conflicts, as most of TorchJD's do; they are then
            multiplied by the number of objectives.

    Raises:
        InputError: It keeps state between steps, which TorchJD does by place and outside of what is saved.

    Example:
        >>> from torchjd.aggregation import MGDAWeighting
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> GramianWeighted(MGDAWeighting())(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    def __init__(self, weighting: Weighting, *, mean: bool = True) -> None:
        super().__init__()
        self.weighting = _without_state(weighting)
        self.mean = mean

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            TrainingError: A gradient is not finite, or the solver found no solution.
        """
        gramian = evidence.gramian()
        try:
            values = self.weighting(gramian)
        except ValueError as error:
            raise TrainingError(
                f"{type(self.weighting).__name__} found no weights for {', '.join(evidence.names)}: {error}"
            ) from error
        return Weights(values=values.detach() * (len(evidence.names) if self.mean else 1))


class Aggregated(Balancer):
    """Combine the gradients by any TorchJD aggregator of the full Jacobian.

    Args:
        aggregator: A `torchjd.aggregation.Aggregator` that takes ``[objective, parameter]``.
        mean: Whether its result is the mean of the gradients where nothing conflicts; it is then multiplied
            by the number of objectives.

    Raises:
        InputError: It keeps state between steps, which TorchJD does by place and outside of what is saved.
    """

    needs = "jacobian"

    def __init__(self, aggregator: Aggregator, *, mean: bool = True) -> None:
        super().__init__()
        self.aggregator = _without_state(aggregator)
        self.mean = mean

    def forward(self, evidence: Evidence) -> Direction:
        """See `Balancer.forward`.

        Raises:
            TrainingError: A gradient is not finite.
        """
        rows = evidence.jacobian()
        scale = len(evidence.names) if self.mean else 1
        return Direction(values=self.aggregator(rows).detach() * scale)


class Scalarized(Balancer):
    """Combine the losses by any TorchJD scalarizer; its gradient gives the weights.

    Args:
        scalarizer: A `torchjd.scalarization.Scalarizer` that takes ``[objective]``. One built for a fixed
            number of losses needs every objective in every step.

    Raises:
        InputError: It keeps state between steps other than parameters, or wants calls of its own between
            them, which training does not make.

    Example:
        >>> from torchjd.scalarization import GeometricMean
        >>> Scalarized(GeometricMean())(Evidence(("a", "b"), torch.tensor([1.0, 4.0]), torch.Tensor)).values
        tensor([1.0000, 0.2500])
    """

    needs = "losses"

    def __init__(self, scalarizer: Scalarizer) -> None:
        super().__init__()
        self.scalarizer = _without_state(scalarizer)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        with torch.enable_grad():
            losses = evidence.losses.detach().requires_grad_()
            total = self.scalarizer(losses)
            (values,) = torch.autograd.grad(total, losses, retain_graph=True)
        trains = any(parameter.requires_grad for parameter in self.parameters())
        return Weights(values=values, regularizer=total if trains else None)


def _without_state(module: Module) -> Module:
    """Return the module, unless it keeps what a resumed run would lose or waits for calls nobody makes."""
    for part in module.modules():
        # The state of these two is parameters, which are trained and saved like any others.
        if isinstance(part, Stateful) and not isinstance(part, UW | IMTLL):
            raise InputError(
                f"{type(part).__name__} of TorchJD keeps state between steps that a saved run would lose; "
                "use polytask's own version of the method (see `polytask.balancing.balancer_names()`)."
            )
    return module
