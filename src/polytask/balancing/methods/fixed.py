"""Fixed weights, by name."""

from collections.abc import Mapping

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["FixedWeights"]


class FixedWeights(Balancer):
    """Give every objective the weight you name, in every step.

    Args:
        weights: The weight of every objective that may occur, by name; finite and at least 0. They are used
            as they are: an objective that is absent does not change those of the others.

    Raises:
        InputError: There is no weight, or one is negative or not finite.

    When to use:
        Where you know what matters, or where a validation part chose the weights. Weights are not
        comparable between losses of different scale.

    Example:
        >>> balancer = FixedWeights({"depth": 0.1, "segmentation": 1.0})
        >>> balancer(Evidence(("segmentation", "depth"), torch.ones(2), torch.Tensor)).values
        tensor([1.0000, 0.1000])
    """

    needs = "nothing"
    weights: Tensor

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        bad = [f"{name} ({weight})" for name, weight in weights.items() if not 0 <= weight < float("inf")]
        if bad:
            raise InputError(f"The weights of FixedWeights must be finite and at least 0: {', '.join(bad)}.")
        self._index = ObjectiveIndex(list(weights), "FixedWeights")
        self.register_buffer("weights", torch.tensor(list(weights.values()), dtype=torch.get_default_dtype()))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective has no weight.
        """
        return Weights(values=self.weights[self._index.of(evidence.names)].to(evidence.losses))
