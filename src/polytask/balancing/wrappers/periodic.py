"""Ask a balancer every few steps, and keep its weights in between."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.methods.mgda import MGDA
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.wrappers.wrapper import Wrapper, weights_of
from polytask.core import InputError

__all__ = ["Periodic"]


@catalogued("psmgd", "Xu et al., AAAI 2025, arXiv:2412.10961", build=lambda names: Periodic(MGDA(), names))
class Periodic(Wrapper):
    """Ask another balancer for weights every few steps, and keep them in between.

    In between a step costs no more than the plain sum. A balancer that looks at the losses after the update
    is told those of the steps that it was asked in.

    Args:
        balancer: One that answers with weights.
        names: The names of all objectives that may occur.
        every: Steps from one question to the next; an objective without a weight is asked for at once.

    Raises:
        InputError: ``every`` is below 1.

    When to use:
        Around a method whose weights are dear and change slowly: they are computed every few
        steps. Conflicts in between are not seen.

    References:
        Mingjing Xu et al., "PSMGD: Periodic Stochastic Multi-Gradient Descent for Fast Multi-Objective
        Optimization", AAAI 2025, arXiv:2412.10961 (there around MGDA).

    Example:
        >>> balancer = Periodic(MGDA(), ["a", "b"], every=2)
        >>> for rows in (torch.eye(2), torch.diag(torch.tensor([1.0, 2.0]))):
        ...     weights = balancer(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        >>> weights
        tensor([1., 1.])
    """

    weight: Tensor
    step: Tensor

    def __init__(self, balancer: Balancer, names: Sequence[str], *, every: int = 4) -> None:
        super().__init__(balancer)
        if every < 1:
            raise InputError(f"`every` must be at least 1, got {every}.")
        self.every = every
        self._asked = False  # whether the balancer has seen this step; of no use to the next one
        self._index = ObjectiveIndex(names, "Periodic")
        self.register_buffer("weight", torch.full((len(self._index),), torch.nan))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or the balancer answers with a direction.
        """
        places = self._index.of(evidence.names)
        due = int(self.step) % self.every == 0 or bool(self.weight[places].isnan().any())
        self.step += 1
        self._asked = due
        if not due:
            return Weights(values=self.weight[places].to(evidence.losses))
        update = weights_of(self.balancer, evidence)
        self.weight[places] = update.values.detach().to(self.weight)
        return update

    @property
    def looks_after(self) -> bool:
        """Whether the balancer inside looks at what this step brought: only where it was asked before it."""
        return self._asked and self.balancer.looks_after

    def after_step(self, names: tuple[str, ...], losses: Tensor) -> None:
        """Tell the balancer inside, if it was asked in this step; see `Balancer.after_step`."""
        if self._asked:
            self.balancer.after_step(names, losses)
