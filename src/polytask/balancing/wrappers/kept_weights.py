"""Wrappers that keep a balancer's weights from one step to the next."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Evidence, Weights
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.wrappers.wrapper import Wrapper, criterion
from polytask.core import InputError

__all__ = ["Periodic", "Smoothed"]


class Smoothed(Wrapper):
    r"""Follow another balancer's weights by a running mean.

    .. math:: w_t \leftarrow \alpha w_t + (1 - \alpha) \hat w_t

    Args:
        balancer: One that answers with weights.
        names: The names of all objectives that may occur.
        alpha: How much of the running mean is kept.

    Raises:
        InputError: ``alpha`` is not in [0, 1).

    References:
        Shiji Zhou et al., "On the Convergence of Stochastic Multi-Objective Gradient Manipulation and
        Beyond", NeurIPS 2022 (CR-MOGM). Deviation: the mean starts at the first weights.

    Example:
        >>> from polytask.balancing.methods.mgda import MGDA
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
        update = _weights_of(self.balancer, evidence)
        new = update.values.detach().to(self.weight)
        before = self.weight[places]
        self.weight[places] = torch.where(before.isnan(), new, self.alpha * before + (1 - self.alpha) * new)
        return Weights(
            values=self.weight[places].to(evidence.losses), regularizer=criterion(update, evidence)
        )


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

    References:
        Mingjing Xu et al., "PSMGD: Periodic Stochastic Multi-Gradient Descent for Fast Multi-Objective
        Optimization", AAAI 2025, arXiv:2412.10961 (there around MGDA).

    Example:
        >>> from polytask.balancing.methods.mgda import MGDA
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
        update = _weights_of(self.balancer, evidence)
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


def _weights_of(balancer: Balancer, evidence: Evidence) -> Weights:
    update = balancer(evidence)
    if not isinstance(update, Weights):
        raise InputError(f"{type(balancer).__name__} answers with a direction; only weights can be kept.")
    return update
