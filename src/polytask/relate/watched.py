"""Gradient affinity of a training run, without a run of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing import Balancer, Direction, Evidence, Weights
from polytask.balancing.wrappers.wrapper import Wrapper
from polytask.core import InputError
from polytask.relate.affinity import Affinity
from polytask.relate.gradient_cosines import GradientAffinity

__all__ = ["WatchedBalancer"]


class WatchedBalancer(Wrapper):
    """Balance as another balancer does, and average the cosines between the gradients on the way.

    Costs nothing where the balancer looks at the Gramian anyway, and a Gramian in each watched step where it
    does not. What was seen is part of the balancer's state, and so of the checkpoint. The overlap of the rows
    is not counted; `gradient_affinity` does that.

    Args:
        balancer: The method that balances.
        names: The names of all objectives that may occur.
        every: Watch every so-manieth step.

    Raises:
        InputError: ``every`` is below 1.

    Example:
        >>> from polytask.balancing.methods import EqualWeights
        >>> balancer = WatchedBalancer(EqualWeights(), ["a", "b"])
        >>> rows = torch.tensor([[1.0, 0.0], [-3.0, 0.0]])
        >>> balancer(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
        >>> balancer.affinity()("a", "b")
        -1.0
    """

    steps: Tensor

    def __init__(self, balancer: Balancer, names: Sequence[str], *, every: int = 1) -> None:
        super().__init__(balancer)
        if every < 1:
            raise InputError(f"`every` must be at least 1, got {every}.")
        self.every = every
        if balancer.needs in ("nothing", "losses"):
            self.needs = "gramian"
        self._seen = GradientAffinity(names)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, evidence: Evidence) -> Weights | Direction:
        """See `Balancer.forward`."""
        update = self.balancer(evidence)
        # Asked for afterwards: a balancer that takes the Jacobian gives the Gramian away with it.
        if int(self.steps) % self.every == 0:
            self._seen.observe(evidence.names, evidence.gramian())
        self.steps += 1
        return update

    def affinity(self) -> Affinity:
        """Return the mean cosines so far."""
        return self._seen.affinity()
