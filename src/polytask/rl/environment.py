"""Many reinforcement-learning tasks at once: an environment whose every operation is on a batch of tasks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Environment", "Transition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What follows an action, for a batch of tasks.

    Args:
        state: Of the environment, ``[task, ...]``; what the agent need not see.
        observation: What the agent sees, float ``[task, n_observations]``.
        reward: Float ``[task]``.
        done: Whether an episode ended with this, bool ``[task]``; the state is then that of a new one.
    """

    state: Tensor
    observation: Tensor
    reward: Tensor
    done: Tensor


class Environment(ABC):
    """A distribution over tasks with the same observations and actions; pure functions on batches of them.

    Args:
        n_observations: Numbers that the agent sees.
        n_actions: Choices, or with ``continuous`` numbers of an action.
        continuous: Whether an action is a vector of real numbers.
    """

    def __init__(self, *, n_observations: int, n_actions: int, continuous: bool = False) -> None:
        self.n_observations = n_observations
        self.n_actions = n_actions
        self.continuous = continuous

    @abstractmethod
    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw tasks: what makes each one what it is, ``[task, ...]``; the agent never sees it."""

    @abstractmethod
    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Begin an episode of each task: state ``[task, ...]`` and observation ``[task, n_observations]``."""

    @abstractmethod
    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        """Act: ``[task]`` choices, or ``[task, n_actions]`` numbers."""
