"""A point in the plane that is to go where it is not told."""

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.rl.environment import Environment, Transition

__all__ = ["PointNavigation"]


class PointNavigation(Environment):
    """Move a point from the origin to a goal that only the reward tells of.

    The agent sees its position; an action is a velocity, cut to [-0.1, 0.1] in each direction; the reward is
    minus the squared distance to the goal. An episode ends within 0.01 of the goal, or after ``horizon``
    steps. Goals are uniform in the square [-0.5, 0.5]^2.

    Args:
        horizon: Most steps of an episode.

    Raises:
        InputError: The horizon is below 1.

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> plane = PointNavigation()
        >>> goals = plane.tasks(1, draw)
        >>> state, seen = plane.reset(goals, draw)
        >>> plane.step(goals, state, torch.tensor([[1.0, 0.0]]), draw).observation
        tensor([[0.1000, 0.0000]])

    References:
        Finn, Abbeel, Levine. Model-Agnostic Meta-Learning. ICML 2017, arXiv:1703.03400, section 5.3, 2D
        navigation, horizon 100.
    """

    def __init__(self, *, horizon: int = 100) -> None:
        if horizon < 1:
            raise InputError(f"`horizon` must be at least 1, got {horizon}.")
        super().__init__(n_observations=2, n_actions=2, continuous=True)
        self.horizon = horizon

    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw goals, ``[task, 2]``."""
        return torch.rand(n_tasks, 2, generator=generator) - 0.5

    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Environment.reset`; the state is ``[task, 3]``: position, and how many steps were made."""
        state = torch.zeros(len(tasks), 3)
        return state, state[:, :2]

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        """See `Environment.step`."""
        place = state[:, :2] + action.clamp(-0.1, 0.1)
        distance = (place - tasks).square().sum(1)
        n_made = state[:, 2] + 1
        done = (distance < 0.01**2) | (n_made >= self.horizon)
        after = torch.cat([place, n_made.unsqueeze(1)], dim=1)
        after = torch.where(done.unsqueeze(1), 0.0, after)
        return Transition(state=after, observation=after[:, :2], reward=-distance, done=done)
