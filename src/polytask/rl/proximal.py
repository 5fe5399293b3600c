"""Several careful steps on one batch of experience."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.rl.rollout import Rollout

__all__ = ["PolicyLearner", "ProximalTraining", "clipped_gain"]


class PolicyLearner(nn.Module, ABC):
    """A policy that learns within a task, and how well it does so in what it tried."""

    @abstractmethod
    def objective(self, rollout: Rollout) -> Tensor:
        """Return the loss, a scalar; good near the policy that acted."""


class ProximalTraining:
    """Proximal policy optimization: epochs of clipped steps over each batch of tasks that was tried.

    Trying tasks costs far more than a gradient, so each batch serves several epochs, in parts drawn anew;
    the learner's objective is clipped where the policy has gone far from the one that acted.

    It does not use `polytask.train`: that takes episodes of support and query, whose objectives a learner
    computes from examples that lie ready. Here the examples of a step are what the policy of that moment
    tried in its environment, and there are no tasks with losses to balance but one return.

    Args:
        learner: What to train: its objective takes a rollout.
        optimizer: Of its parameters.
        n_epochs: Passes over a batch.
        n_parts: Steps of a pass, each with other tasks.
        max_norm: To which the gradient is cut.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.rl.rl2 import RL2
        >>> from polytask.rl.bandits import Bandits
        >>> bandits, draw = Bandits(3), torch.Generator().manual_seed(0)
        >>> learner = RL2(bandits, width=8)
        >>> training = ProximalTraining(learner, torch.optim.Adam(learner.parameters(), lr=1e-3))
        >>> for _ in range(2):
        ...     rollout = learner.collect(bandits, bandits.tasks(40, draw), n_steps=10, generator=draw)
        ...     loss = training.step(rollout, generator=draw)

    References:
        Schulman et al. Proximal Policy Optimization Algorithms. 2017, arXiv:1707.06347, algorithm 1.
        Andrychowicz et al. What Matters for On-Policy Deep Actor-Critic Methods? ICLR 2021,
        arXiv:2006.05990: advantages are found anew with the values of each step.
    """

    def __init__(
        self,
        learner: PolicyLearner,
        optimizer: torch.optim.Optimizer,
        *,
        n_epochs: int = 4,
        n_parts: int = 4,
        max_norm: float = 0.5,
    ) -> None:
        if n_epochs < 1 or n_parts < 1 or not max_norm > 0:
            raise InputError(
                "`n_epochs` and `n_parts` must be at least 1 and `max_norm` above 0, got "
                f"{n_epochs}, {n_parts}, {max_norm}."
            )
        self.learner = learner
        self.optimizer = optimizer
        self.n_epochs = n_epochs
        self.n_parts = n_parts
        self.max_norm = max_norm

    def step(self, rollout: Rollout, *, generator: torch.Generator) -> float:
        """Learn from one batch of tasks; return the mean loss of the last epoch."""
        n_tasks = len(rollout.rewards)
        losses: list[float] = []
        for _ in range(self.n_epochs):
            parts = torch.randperm(n_tasks, generator=generator).chunk(self.n_parts)
            losses = [self._update(rollout.part(part)) for part in parts]
        return sum(losses) / len(losses)

    def _update(self, rollout: Rollout) -> float:
        self.optimizer.zero_grad()
        loss = self.learner.objective(rollout)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learner.parameters(), self.max_norm)
        self.optimizer.step()
        return float(loss.detach())


def clipped_gain(logs: Tensor, before: Tensor, advantages: Tensor, clip: float) -> Tensor:
    r"""Return :math:`\min(\rho A, \mathrm{clip}(\rho, 1 - \epsilon, 1 + \epsilon) A)` of each action.

    Args:
        logs: Log-probabilities of the actions.
        before: The same by the policy that drew them; :math:`\rho` is the ratio of the two.
        advantages: :math:`A`.
        clip: :math:`\epsilon`.

    Example:
        >>> clipped_gain(torch.tensor([1.5]).log(), torch.zeros(1), torch.ones(1), 0.2)
        tensor([1.2000])

    References:
        Schulman et al. Proximal Policy Optimization Algorithms. 2017, arXiv:1707.06347, equation 7.
    """
    ratio = (logs - before).exp()
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
