"""Gymnasium's environments as the tasks of an environment of ours."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError, MissingPackageError
from polytask.rl.environment import Environment, Transition

if TYPE_CHECKING:
    from gymnasium import Env, Space

__all__ = ["GymnasiumTasks"]


class GymnasiumTasks(Environment):
    """A task for each of several Gymnasium environments, which all look alike from outside.

    Observations are flattened to floats. A continuous action is cut to its bounds and given its shape;
    Gymnasium numbers choices from any start, here it is 0. An episode is done where Gymnasium's is
    terminated or truncated, and the environment is then reset.

    Unlike other environments this one is not a pure function, for what it holds is not: from each state one
    step can be made, the latest; an earlier state is refused. So trials go one after the other, as those of
    `RL2` and `MAMLPolicy` do. A task that occurs several times in a batch gets a copy for each, which is what
    the functions are for.

    Args:
        makers: Functions without arguments, each of which makes an environment of one task.

    Raises:
        InputError: There is no maker, or the spaces differ, or an action is neither a choice nor a vector.
        MissingPackageError: gymnasium is not installed.

    Example:
        >>> import gymnasium  # doctest: +SKIP
        >>> poles = GymnasiumTasks([
        ...     lambda gravity=gravity: gymnasium.make("Pendulum-v1", g=gravity) for gravity in (5.0, 10.0)
        ... ])  # doctest: +SKIP
        >>> poles.n_observations, poles.n_actions, poles.continuous  # doctest: +SKIP
        (3, 1, True)

    References:
        Towers et al. Gymnasium: A Standard Interface for Reinforcement Learning Environments. 2024,
        arXiv:2407.17032.
    """

    def __init__(self, makers: Sequence[Callable[[], "Env[Any, Any]"]]) -> None:
        try:
            from gymnasium import spaces
        except ImportError as error:
            raise MissingPackageError("gymnasium", extra="rl", purpose="Gymnasium's tasks") from error
        if not makers:
            raise InputError("`makers` is empty; give a function that makes an environment for each task.")
        self._makers = list(makers)
        self._copies: list[list[Env[Any, Any]]] = [[make()] for make in makers]
        first = self._copies[0][0]
        problems = [
            f"the {what} space of environment {number} is {own}, that of the first {expected}"
            for number, (one,) in enumerate(self._copies)
            for what, own, expected in (
                ("observation", one.observation_space, first.observation_space),
                ("action", one.action_space, first.action_space),
            )
            if own != expected
        ]
        actions = first.action_space
        if not isinstance(actions, (spaces.Discrete, spaces.Box)):
            problems.append(f"the action space {actions} is neither Discrete nor Box; wrap the environment")
        if not first.observation_space.is_np_flattenable:
            problems.append(f"the observation space {first.observation_space} cannot be flattened")
        if problems:
            self.close()
            raise InputError("GymnasiumTasks: " + "; ".join(problems) + ".")
        continuous = isinstance(actions, spaces.Box)
        super().__init__(
            n_observations=spaces.flatdim(first.observation_space),
            n_actions=int(np.prod(actions.shape)) if continuous else int(getattr(actions, "n", 0)),
            continuous=continuous,
        )
        self._observations: Space[Any] = first.observation_space
        self._actions: Space[Any] = actions
        self._acting: list[Env[Any, Any]] = []
        self._moment = 0

    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        """Draw tasks with repetition: which environment, long ``[task]``."""
        return torch.randint(len(self._makers), (n_tasks,), generator=generator)

    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See `Environment.reset`; the state is the moment, long ``[task]``, and ends all earlier ones."""
        used = [0] * len(self._makers)
        self._acting = []
        for number in tasks.tolist():
            copies = self._copies[number]
            if used[number] == len(copies):
                copies.append(self._makers[number]())
            self._acting.append(copies[used[number]])
            used[number] += 1
        seeds = torch.randint(2**31, (len(tasks),), generator=generator).tolist()
        seen = [self._flat(one.reset(seed=seed)[0]) for one, seed in zip(self._acting, seeds, strict=True)]
        return self._now(len(tasks)), torch.stack(seen)

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        """See `Environment.step`.

        Raises:
            InputError: The state is not the latest.
        """
        if len(tasks) != len(self._acting) or not bool((state == self._moment).all()):
            raise InputError(
                "A Gymnasium environment goes on from its latest state alone; begin anew with `reset` to act "
                "from another."
            )
        seen, rewards, done = [], [], []
        for one, choice in zip(self._acting, action.detach().cpu().numpy(), strict=True):
            observation, reward, terminated, truncated, _ = one.step(self._own(choice))
            ended = bool(terminated or truncated)
            seen.append(self._flat(one.reset()[0] if ended else observation))
            rewards.append(float(reward))
            done.append(ended)
        return Transition(
            state=self._now(len(tasks)),
            observation=torch.stack(seen),
            reward=torch.tensor(rewards),
            done=torch.tensor(done),
        )

    def close(self) -> None:
        """Close all environments."""
        for copies in self._copies:
            for one in copies:
                one.close()

    def _now(self, n_tasks: int) -> Tensor:
        self._moment += 1
        return torch.full((n_tasks,), self._moment)

    def _flat(self, observation: Any) -> Tensor:
        from gymnasium.spaces import flatten

        return torch.from_numpy(np.array(flatten(self._observations, observation), dtype=np.float32))

    def _own(self, action: np.ndarray) -> Any:
        """Turn an action of ours into one of Gymnasium's."""
        from gymnasium.spaces import Box, Discrete

        if isinstance(self._actions, Box):
            within = np.clip(action.reshape(self._actions.shape), self._actions.low, self._actions.high)
            return within.astype(self._actions.dtype)
        start = self._actions.start if isinstance(self._actions, Discrete) else 0
        return int(action) + int(start)
