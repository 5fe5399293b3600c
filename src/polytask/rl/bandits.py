"""Slot machines: the smallest tasks in which to explore pays."""

from typing import Literal

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.rl.environment import Environment, Transition

__all__ = ["Bandits"]


class Bandits(Environment):
    """Bandits whose arms pay at random, each arm of each task by its own mean.

    There is nothing to see (one constant), and every pull is an episode of its own kind: nothing is ever
    done.

    Args:
        n_arms: Arms.
        kind: ``"bernoulli"`` arms pay 0 or 1, with means from U[0, 1]; ``"gaussian"`` ones their mean, from
            N(0, 1), with noise.
        noise: Standard deviation of Gaussian payments.

    Raises:
        InputError: An argument is out of range or unknown.

    Example:
        >>> bandits = Bandits(3)
        >>> draw = torch.Generator().manual_seed(0)
        >>> tasks = bandits.tasks(2, draw)
        >>> state, seen = bandits.reset(tasks, draw)
        >>> bandits.step(tasks, state, torch.tensor([0, 2]), draw).reward.shape
        torch.Size([2])

    References:
        Duan et al. RL2: Fast Reinforcement Learning via Slow Reinforcement Learning. 2016, arXiv:1611.02779,
        section 3.1.
    """

    def __init__(
        self, n_arms: int = 5, *, kind: Literal["bernoulli", "gaussian"] = "bernoulli", noise: float = 1.0
    ) -> None:
        problems = []
        if n_arms < 2:
            problems.append(f"`n_arms` must be at least 2, got {n_arms}")
        if kind not in ("bernoulli", "gaussian"):
            problems.append(f"`kind` is {kind!r}; use 'bernoulli' or 'gaussian'")
        if noise < 0:
            problems.append(f"`noise` must be 0 or more, got {noise}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(n_observations=1, n_actions=n_arms)
        self.kind = kind
        self.noise = noise

    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw the means of the arms, ``[task, arm]``."""
        draw = torch.rand if self.kind == "bernoulli" else torch.randn
        return draw(n_tasks, self.n_actions, generator=generator)

    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Environment.reset`."""
        return torch.zeros(len(tasks)), torch.ones(len(tasks), 1)

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        """See `Environment.step`."""
        mean = tasks.gather(1, action.unsqueeze(1)).squeeze(1)  # [task]
        if self.kind == "bernoulli":
            reward = (torch.rand(len(tasks), generator=generator) < mean).float()
        else:
            reward = mean + self.noise * torch.randn(len(tasks), generator=generator)
        done = torch.zeros(len(tasks), dtype=torch.bool)
        return Transition(state=state, observation=torch.ones(len(tasks), 1), reward=reward, done=done)
