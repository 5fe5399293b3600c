"""Random tabular Markov decision processes."""

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import InputError
from polytask.rl.environment import Environment, Transition

__all__ = ["TabularMDPs"]


class TabularMDPs(Environment):
    """Markov decision processes with random transitions and rewards; the state is seen as one-hot.

    Transitions from a state by an action are drawn from a flat Dirichlet distribution, mean rewards from
    N(1, 1); a reward has noise of N(0, 1). Episodes begin in state 0 and last for ``horizon`` steps.

    Args:
        n_states: States.
        n_actions: Actions.
        horizon: Steps of an episode.

    Raises:
        InputError: A number is below 1.

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> worlds = TabularMDPs(n_states=4, n_actions=2, horizon=3)
        >>> worlds.tasks(5, draw).shape  # transitions to 4 states, and a reward
        torch.Size([5, 4, 2, 5])

    References:
        Duan et al. RL2. 2016, arXiv:1611.02779, section 3.2: 10 states, 5 actions, horizon 10.
    """

    def __init__(self, *, n_states: int = 10, n_actions: int = 5, horizon: int = 10) -> None:
        if min(n_states, n_actions, horizon) < 1:
            raise InputError(
                "`n_states`, `n_actions` and `horizon` must be at least 1, got "
                f"{n_states}, {n_actions}, {horizon}."
            )
        super().__init__(n_observations=n_states, n_actions=n_actions)
        self.n_states = n_states
        self.horizon = horizon

    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw transition probabilities and mean rewards, ``[task, state, action, state + 1]``."""
        shape = (n_tasks, self.n_states, self.n_actions)
        weights = -torch.rand(*shape, self.n_states, generator=generator).clamp(min=1e-12).log()
        rewards = 1 + torch.randn(*shape, 1, generator=generator)
        return torch.cat([weights / weights.sum(-1, keepdim=True), rewards], dim=-1)

    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Environment.reset`; the state is ``[task, 2]``: where, and how many steps were made."""
        state = torch.zeros(len(tasks), 2, dtype=torch.long)
        return state, self._seen(state)

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        """See `Environment.step`."""
        row = tasks[torch.arange(len(tasks)), state[:, 0], action]  # [task, state + 1]
        reward = row[:, -1] + torch.randn(len(tasks), generator=generator)
        place = torch.multinomial(row[:, :-1], 1, generator=generator).squeeze(1)
        n_made = state[:, 1] + 1
        done = n_made >= self.horizon
        after = torch.stack([place, n_made], dim=1)
        after = torch.where(done.unsqueeze(1), 0, after)
        return Transition(state=after, observation=self._seen(after), reward=reward, done=done)

    def _seen(self, state: Tensor) -> Tensor:
        return functional.one_hot(state[:, 0], self.n_states).float()
