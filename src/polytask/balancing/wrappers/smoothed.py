"""Follow a balancer's weights by a running mean."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.methods.mgda import MGDA
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.wrappers.wrapper import Wrapper, own_objective, weights_of
from polytask.core import InputError

__all__ = ["Smoothed"]


@catalogued("cr-mogm", "Zhou et al., NeurIPS 2022 (around MGDA)", build=lambda names: Smoothed(MGDA(), names))
class Smoothed(Wrapper):
    r"""Follow another balancer's weights by a running mean.

    .. math:: w_t \leftarrow \alpha w_t + (1 - \alpha) \hat w_t

    Args:
        balancer: One that answers with weights.
        names: The names of all objectives that may occur.
        alpha: How much of the running mean is kept.

    Raises:
        InputError: ``alpha`` is not in [0, 1).

    When to use:
        Around a method whose weights jump from batch to batch. Weights react later; how much
        later is the smoothing's choice.

    References:
        Shiji Zhou et al., "On the Convergence of Stochastic Multi-Objective Gradient Manipulation and
        Beyond", NeurIPS 2022 (CR-MOGM). Deviation: the mean starts at the first weights.

    Example:
        >>> balancer = Smoothed(MGDA(), ["a", "b"], alpha=0.9)
        >>> for rows in (torch.eye(2), torch.diag(torch.tensor([1.0, 2.0]))):
        ...     weights = balancer(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        >>> weights
        tensor([1.0600, 0.9400])
    """

    weight: Tensor

    def __init__(self, balancer: Balancer, names: Sequence[str], *, alpha: float = 0.9) -> None:
        super().__init__(balancer)
        if not 0 <= alpha < 1:
            raise InputError(f"`alpha` must be at least 0 and below 1, got {alpha}.")
        self.alpha = alpha
        self._index = ObjectiveIndex(names, "Smoothed")
        self.register_buffer("weight", torch.full((len(self._index),), torch.nan))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or the balancer answers with a direction.
        """
        places = self._index.of(evidence.names)
        update = weights_of(self.balancer, evidence)
        new = update.values.detach().to(self.weight)
        before = self.weight[places]
        self.weight[places] = torch.where(before.isnan(), new, self.alpha * before + (1 - self.alpha) * new)
        return Weights(
            values=self.weight[places].to(evidence.losses), regularizer=own_objective(update, evidence)
        )
