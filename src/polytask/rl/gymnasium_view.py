"""An environment of ours as Gymnasium's vector environment."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError, MissingPackageError
from polytask.rl.environment import Environment

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv
else:
    try:
        from gymnasium.vector import VectorEnv
    except ImportError:
        VectorEnv = object  # `GymnasiumView` says so when it is made

__all__ = ["GymnasiumView"]


class GymnasiumView(VectorEnv):
    """Lets whatever speaks Gymnasium act in tasks of an `Environment`: arrays in, arrays out.

    Each sub-environment is a task. `reset` draws tasks, or takes those of ``options={"tasks": ...}``, and
    they last until it is called again or a trial ends.

    *Episodes*: ``terminations`` is where one ended; the environment has begun the next one by then (Gymnasium
    calls that same-step autoreset), in the same task, and what is observed belongs to it. What was last seen
    of the old one is not known: there is no ``"final_obs"`` of it, and an estimate of its value needs none.

    *Trials*: after ``trial_length`` steps ``truncations`` is True everywhere, new tasks are drawn, and
    ``infos["final_obs"]`` holds what was seen last where no episode ended at the same moment.

    *Seeds*: ``reset(seed=...)`` fixes tasks and everything random after it, resets without a seed included. A
    first reset without a seed is random, as Gymnasium wants it.

    Args:
        environment: Where to act.
        n_tasks: Tasks at once, Gymnasium's ``num_envs``.
        trial_length: Steps in a task; None is without end.

    Raises:
        InputError: A number is below 1.
        MissingPackageError: gymnasium is not installed.

    Example:
        >>> from polytask.rl.bandits import Bandits
        >>> bandits = GymnasiumView(Bandits(3), n_tasks=4, trial_length=10)  # doctest: +SKIP
        >>> seen, _ = bandits.reset(seed=0)  # doctest: +SKIP
        >>> seen, rewards, terminations, truncations, infos = bandits.step(
        ...     bandits.action_space.sample())  # doctest: +SKIP

    References:
        Towers et al. Gymnasium: A Standard Interface for Reinforcement Learning Environments. 2024,
        arXiv:2407.17032.
    """

    def __init__(self, environment: Environment, *, n_tasks: int, trial_length: int | None = None) -> None:
        try:
            from gymnasium import spaces
            from gymnasium.vector import AutoresetMode
            from gymnasium.vector.utils import batch_space
        except ImportError as error:
            raise MissingPackageError("gymnasium", extra="rl", purpose="a Gymnasium view") from error
        problems = [
            f"`{name}` must be at least 1, got {value}"
            for name, value in (("n_tasks", n_tasks), ("trial_length", trial_length))
            if value is not None and value < 1
        ]
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.environment = environment
        self.num_envs = n_tasks
        self.trial_length = trial_length
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (environment.n_observations,), np.float32)
        self.single_action_space = (
            spaces.Box(-np.inf, np.inf, (environment.n_actions,), np.float32)
            if environment.continuous
            else spaces.Discrete(environment.n_actions)
        )
        self.observation_space = batch_space(self.single_observation_space, n_tasks)
        self.action_space = batch_space(self.single_action_space, n_tasks)
        self._generator: torch.Generator | None = None
        self._tasks: Tensor | None = None
        self._state: Tensor | None = None
        self._n_steps = 0

    @property
    def tasks(self) -> Tensor:
        """What makes each task what it is, ``[task, ...]``; not for the agent.

        Raises:
            InputError: `reset` was not called yet.
        """
        if self._tasks is None:
            raise InputError("There are no tasks before `reset`; call it first.")
        return self._tasks

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a trial: observations float32 ``[task, n_observations]``, and empty infos.

        Args:
            seed: Of everything random from now on; None goes on as it was.
            options: May hold ``"tasks"``, as the environment draws them, one for each sub-environment.

        Raises:
            InputError: There is another number of tasks.
        """
        super().reset(seed=seed)
        if seed is not None or self._generator is None:
            self._generator = torch.Generator().manual_seed(int(self.np_random.integers(2**63)))
        given = (options or {}).get("tasks")
        if given is not None and len(given) != self.num_envs:
            raise InputError(f'`options["tasks"]` must hold {self.num_envs} tasks, got {len(given)}.')
        return self._begin(self._generator, None if given is None else torch.as_tensor(given)), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Act in every task.

        Args:
            actions: As ``action_space`` has them: integers ``[task]``, or floats ``[task, n_actions]``.

        Returns:
            Observations float32 ``[task, n_observations]``; rewards float64, terminations and truncations
            bool, ``[task]`` each; infos.

        Raises:
            InputError: `reset` was not called yet, or the actions have another shape or are out of range.
        """
        action = self._checked(actions)
        if self._state is None or self._generator is None:
            raise InputError("There is no state before `reset`; call it first.")
        after = self.environment.step(self.tasks, self._state, action, self._generator)
        self._state = after.state
        self._n_steps += 1
        ended = self._n_steps == self.trial_length
        observation, infos = after.observation.float().numpy().copy(), {}
        terminated = after.done.numpy().copy()
        if ended:
            last = np.full(self.num_envs, None, dtype=object)
            for position in np.flatnonzero(~terminated):
                last[position] = observation[position]
            infos = {"final_obs": last, "_final_obs": ~terminated}
            observation = self._begin(self._generator, None)
        rewards = after.reward.double().numpy().copy()
        return observation, rewards, terminated, np.full(self.num_envs, ended), infos

    def _begin(self, generator: torch.Generator, tasks: Tensor | None) -> np.ndarray:
        self._tasks = self.environment.tasks(self.num_envs, generator) if tasks is None else tasks
        self._state, observation = self.environment.reset(self._tasks, generator)
        self._n_steps = 0
        return observation.float().numpy().copy()

    def _checked(self, actions: np.ndarray) -> Tensor:
        """Return actions as the environment takes them."""
        given = np.asarray(actions)
        n_actions = self.environment.n_actions
        shape = (self.num_envs, n_actions) if self.environment.continuous else (self.num_envs,)
        if given.shape != shape:
            raise InputError(f"`actions` must have shape {shape}, got {given.shape}.")
        if self.environment.continuous:
            return torch.as_tensor(given, dtype=torch.float32)
        if not np.issubdtype(given.dtype, np.integer) or given.min() < 0 or given.max() >= n_actions:
            raise InputError(f"`actions` must be integers from 0 to {n_actions - 1}, got {given.tolist()}.")
        return torch.as_tensor(given, dtype=torch.long)
