"""What happened when policies acted in many tasks."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Rollout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Actions and what followed, ``[task, time]`` each.

    Args:
        observations: What was seen before each action, ``[task, time, n_observations]``.
        actions: ``[task, time]`` choices, or ``[task, time, n_actions]``.
        rewards: ``[task, time]``.
        done: Where an episode ended, bool ``[task, time]``.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    done: Tensor

    def returns(self, discount: float) -> Tensor:
        """Return the discounted rewards to come within the episode, ``[task, time]``."""
        found = torch.zeros_like(self.rewards)
        total = torch.zeros_like(self.rewards[:, 0])
        for time in range(self.rewards.shape[1] - 1, -1, -1):
            kept = 1 - self.done[:, time].to(total.dtype)
            total = self.rewards[:, time] + discount * kept * total
            found[:, time] = total
        return found
