"""What happened when policies acted in many tasks."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Rollout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Actions and what followed, ``[task, time]`` each, or ``[task, rollout, time]`` with several a task.

    Args:
        observations: What was seen before each action, ``[..., time, n_observations]``.
        actions: ``[..., time]`` choices, or ``[..., time, n_actions]`` numbers.
        rewards: ``[..., time]``.
        done: Where an episode ended, bool ``[..., time]``.
        log_probabilities: Of the actions, by the policy that drew them, ``[..., time]``.
        before: What a learner tried in the same tasks earlier and adapted to, in its order.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    done: Tensor
    log_probabilities: Tensor
    before: tuple["Rollout", ...] = ()

    def returns(self, discount: float) -> Tensor:
        """Return the discounted rewards to come within the episode, shaped as the rewards."""
        found = torch.zeros_like(self.rewards)
        total = torch.zeros_like(self.rewards[..., 0])
        for time in range(self.rewards.shape[-1] - 1, -1, -1):
            kept = 1 - self.done[..., time].to(total.dtype)
            total = self.rewards[..., time] + discount * kept * total
            found[..., time] = total
        return found

    def part(self, tasks: Tensor) -> "Rollout":
        """Return what happened in some of the tasks, given by their positions ``[n]``."""
        return Rollout(
            observations=self.observations[tasks],
            actions=self.actions[tasks],
            rewards=self.rewards[tasks],
            done=self.done[tasks],
            log_probabilities=self.log_probabilities[tasks],
            before=tuple(tried.part(tasks) for tried in self.before),
        )
