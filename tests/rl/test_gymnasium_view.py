"""Gymnasium: our environments seen from there, and Gymnasium's as tasks of ours."""

import builtins
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from polytask.core import InputError, MissingPackageError, generator
from polytask.rl import Bandits, PointNavigation, TabularMDPs
from polytask.rl.environment import Environment, Transition
from polytask.rl.gymnasium_tasks import GymnasiumTasks
from polytask.rl.gymnasium_view import GymnasiumView

gymnasium = pytest.importorskip("gymnasium")
from gymnasium.utils.env_checker import check_env  # noqa: E402 - after the package is known to be there

ENVIRONMENTS: dict[str, Callable[[], Environment]] = {
    "bandits": lambda: Bandits(3),
    "mdp": lambda: TabularMDPs(n_states=4, n_actions=3, horizon=3),
    "plane": lambda: PointNavigation(horizon=4),
}


class Counter(Environment):
    """Pays the task's number, and is done every so many steps; what is seen is how many were made."""

    def __init__(self, *, horizon: int = 3) -> None:
        super().__init__(n_observations=1, n_actions=2)
        self.horizon = horizon

    def tasks(self, n_tasks: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1000, (n_tasks,), generator=generator)

    def reset(self, tasks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(tasks)), torch.zeros(len(tasks), 1)

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator) -> Transition:
        done = state + 1 == self.horizon
        after = torch.where(done, 0.0, state + 1)
        return Transition(state=after, observation=after.unsqueeze(1), reward=tasks + 0.5 * action, done=done)


class Alone(gymnasium.Env):
    """One task of ours as a single environment, so that Gymnasium's checkers can look at it."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, environment: Environment) -> None:
        self.view = GymnasiumView(environment, n_tasks=1)
        self.observation_space = self.view.single_observation_space
        self.action_space = self.view.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        seen, infos = self.view.reset(seed=seed, options=options)
        return seen[0], infos

    def step(self, action: Any) -> Any:
        seen, reward, terminated, truncated, infos = self.view.step(np.asarray([action]))
        return seen[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), infos


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # the checker's advice on bounds and rendering
def test_gymnasiums_own_checker_has_nothing_to_say(name: str) -> None:
    check_env(Alone(ENVIRONMENTS[name]()))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_view_gives_what_its_spaces_promise(name: str) -> None:
    view = GymnasiumView(ENVIRONMENTS[name](), n_tasks=5, trial_length=6)
    assert isinstance(view, gymnasium.vector.VectorEnv)
    seen, infos = view.reset(seed=0)
    view.action_space.seed(0)
    assert seen in view.observation_space and not infos
    for _ in range(8):
        seen, rewards, terminations, truncations, _ = view.step(view.action_space.sample())
        assert seen in view.observation_space
        assert rewards.shape == terminations.shape == truncations.shape == (5,)
        assert (rewards.dtype, terminations.dtype, truncations.dtype) == (np.float64, np.bool_, np.bool_)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_view_plays_as_the_environment_itself_does(name: str) -> None:
    environment = ENVIRONMENTS[name]()
    view = GymnasiumView(environment, n_tasks=4)
    seen, _ = view.reset(seed=7)
    draw = torch.Generator().manual_seed(int(np.random.Generator(np.random.PCG64(
        np.random.SeedSequence(7))).integers(2**63)))  # fmt: skip
    tasks = environment.tasks(4, draw)
    state, expected = environment.reset(tasks, draw)
    assert torch.equal(view.tasks, tasks)
    assert np.array_equal(seen, expected.numpy())
    view.action_space.seed(1)
    for _ in range(6):
        actions = view.action_space.sample()
        after = environment.step(tasks, state, torch.as_tensor(actions), draw)
        state = after.state
        seen, rewards, terminations, _, _ = view.step(actions)
        assert np.array_equal(seen, after.observation.numpy())
        assert rewards.tolist() == after.reward.double().tolist()
        assert terminations.tolist() == after.done.tolist()


def test_seeds_repeat_a_run_and_resets_without_one_go_on() -> None:
    view = GymnasiumView(Counter(), n_tasks=3)

    def run(seed: int) -> list[list[int]]:
        view.reset(seed=seed)
        first = view.tasks.tolist()
        view.reset()
        return [first, view.tasks.tolist()]

    one = run(0)
    assert one == run(0)
    assert one != run(1)
    assert one[0] != one[1]
    fresh = GymnasiumView(Counter(), n_tasks=3)
    fresh.reset()  # allowed, and random
    assert len(fresh.tasks) == 3


def test_an_episode_ends_into_the_next_of_its_task_and_a_trial_into_a_new_task() -> None:
    view = GymnasiumView(Counter(horizon=2), n_tasks=2, trial_length=3)
    view.reset(options={"tasks": np.array([10, 20])})
    assert view.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.SAME_STEP
    action = np.array([0, 1])
    found = [view.step(action) for _ in range(3)]
    assert [step[0].flatten().tolist() for step in found] == [[1, 1], [0, 0], [0, 0]]
    assert [step[1].tolist() for step in found] == [[10, 20.5]] * 3
    assert [step[2].tolist() for step in found] == [[False] * 2, [True] * 2, [False] * 2]
    assert [step[3].tolist() for step in found] == [[False] * 2, [False] * 2, [True] * 2]
    assert found[0][4] == found[1][4] == {}
    infos = found[2][4]
    assert [last.tolist() for last in infos["final_obs"]] == [[1.0], [1.0]]
    assert infos["_final_obs"].tolist() == [True, True]
    assert view.tasks.tolist() != [10, 20]
    assert view.step(action)[3].tolist() == [False, False]


def test_where_an_episode_ends_with_the_trial_the_last_observation_is_not_known() -> None:
    view = GymnasiumView(Counter(horizon=2), n_tasks=2, trial_length=2)
    view.reset(seed=0)
    view.step(np.array([0, 0]))
    _, _, terminations, truncations, infos = view.step(np.array([0, 0]))
    assert terminations.all() and truncations.all()
    assert infos["final_obs"].tolist() == [None, None]
    assert not infos["_final_obs"].any()


def test_gymnasiums_wrappers_go_on_a_view() -> None:
    view = gymnasium.wrappers.vector.RecordEpisodeStatistics(GymnasiumView(Counter(horizon=3), n_tasks=2))
    view.reset(options={"tasks": torch.tensor([1, 2])})
    infos: dict[str, Any] = {}
    for _ in range(3):
        *_, infos = view.step(np.array([0, 0]))
    assert infos["episode"]["r"].tolist() == [3.0, 6.0]
    assert infos["episode"]["l"].tolist() == [3, 3]


def test_what_is_returned_is_not_overwritten_later() -> None:
    view = GymnasiumView(PointNavigation(), n_tasks=2)
    first, _ = view.reset(seed=0)
    kept = first.copy()
    second = view.step(np.ones((2, 2), dtype=np.float32))[0]
    second += 1
    view.step(np.ones((2, 2), dtype=np.float32))
    assert np.array_equal(first, kept)
    assert view.step(np.zeros((2, 2), dtype=np.float32))[0] == pytest.approx(0.2)


def test_wrong_uses_of_a_view_are_told() -> None:
    with pytest.raises(InputError, match=r"`n_tasks` must be at least 1, got 0; `trial_length`.*got 0"):
        GymnasiumView(Counter(), n_tasks=0, trial_length=0)
    view = GymnasiumView(Counter(), n_tasks=2)
    with pytest.raises(InputError, match="before `reset`"):
        view.step(np.array([0, 0]))
    with pytest.raises(InputError, match="no tasks before `reset`"):
        _ = view.tasks
    with pytest.raises(InputError, match="must hold 2 tasks, got 3"):
        view.reset(options={"tasks": torch.zeros(3)})
    view.reset(seed=0)
    for actions in ([0, 2], [0, -1], [0.0, 1.0]):
        with pytest.raises(InputError, match="integers from 0 to 1"):
            view.step(np.array(actions))
    with pytest.raises(InputError, match=r"shape \(2,\), got \(3,\)"):
        view.step(np.zeros(3, dtype=np.int64))


def poles(*gravities: float) -> GymnasiumTasks:
    return GymnasiumTasks([lambda g=g: gymnasium.make("Pendulum-v1", g=g).unwrapped for g in gravities])


def carts() -> GymnasiumTasks:
    return GymnasiumTasks([lambda: gymnasium.make("CartPole-v1", max_episode_steps=5)])


def test_gymnasium_environments_act_as_tasks_as_they_do_by_themselves() -> None:
    tasks, worlds = torch.tensor([1, 0, 1]), poles(2.0, 10.0)
    state, seen = worlds.reset(tasks, generator(0))
    seeds = torch.randint(2**31, (3,), generator=generator(0)).tolist()
    alone = [gymnasium.make("Pendulum-v1", g=g).unwrapped for g in (10.0, 2.0, 10.0)]
    expected = [one.reset(seed=seed)[0] for one, seed in zip(alone, seeds)]
    assert np.array_equal(seen.numpy(), np.stack(expected))
    for step in range(4):
        action = torch.randn(3, 1, generator=generator(step)) * 3  # some of it out of bounds
        after = worlds.step(tasks, state, action, generator(1))
        state = after.state
        found = [one.step(np.clip(a.numpy(), -2, 2)) for one, a in zip(alone, action)]
        assert np.array_equal(after.observation.numpy(), np.stack([f[0] for f in found]))
        assert after.reward.tolist() == pytest.approx([f[1] for f in found])
    worlds.close()


def test_an_episode_of_a_gymnasium_task_ends_into_the_next() -> None:
    worlds, tasks = carts(), torch.zeros(2, dtype=torch.long)
    assert (worlds.n_observations, worlds.n_actions, worlds.continuous) == (4, 2, False)
    state, _ = worlds.reset(tasks, generator(0))
    ends, seen = [], torch.zeros(0)
    for step in range(5):
        after = worlds.step(tasks, state, torch.full((2,), step % 2), generator(0))
        state, seen = after.state, after.observation
        ends.append(after.done.tolist())
    assert ends == [[False, False]] * 4 + [[True, True]]
    assert bool((seen.abs() <= 0.05).all())  # where CartPole begins
    worlds.close()


def test_a_view_of_gymnasium_tasks_gives_them_back() -> None:
    view = GymnasiumView(carts(), n_tasks=3, trial_length=4)
    seen, _ = view.reset(seed=0)
    again, _ = view.reset(seed=0)
    assert np.array_equal(seen, again)
    found = [view.step(np.array([0, 1, 0])) for _ in range(4)]
    assert all(rewards.tolist() == [1.0] * 3 for _, rewards, *_ in found)
    assert found[-1][3].all()


def test_trials_one_after_the_other_repeat_with_their_generator_also_with_several_of_a_task() -> None:
    def trials() -> list[Tensor]:
        found = []
        for worlds in (poles(2.0, 10.0), carts()):
            draw = generator(0)
            tasks = worlds.tasks(3, draw).repeat_interleave(2)
            for _ in range(2):
                state, seen = worlds.reset(tasks, draw)
                assert len(seen.unique(dim=0)) == 6  # copies begin each by themselves
                for _ in range(7):
                    if worlds.continuous:
                        action = torch.randn(6, 1, generator=draw)
                    else:
                        action = torch.randint(2, (6,), generator=draw)
                    after = worlds.step(tasks, state, action, draw)
                    state = after.state
                    found += [after.observation, after.reward]
            worlds.close()
        return found

    assert all(torch.equal(one, other) for one, other in zip(trials(), trials(), strict=True))


def test_a_state_of_the_past_is_refused() -> None:
    worlds, tasks, draw = carts(), torch.zeros(1, dtype=torch.long), generator(0)
    state, _ = worlds.reset(tasks, draw)
    worlds.step(tasks, state, torch.zeros(1).long(), draw)
    with pytest.raises(InputError, match="latest state alone; begin anew with `reset`"):
        worlds.step(tasks, state, torch.zeros(1).long(), draw)
    worlds.close()


class Other(gymnasium.Env):
    """An environment of which only the spaces matter."""

    def __init__(self, actions: Any) -> None:
        self.observation_space = gymnasium.spaces.Dict(
            {"place": gymnasium.spaces.Discrete(3), "speed": gymnasium.spaces.Box(-1, 1, (2,))}
        )
        self.action_space = actions
        self.last: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return {"place": 1, "speed": np.zeros(2, dtype=np.float32)}, {}

    def step(self, action: Any) -> Any:
        self.last = action
        return {"place": 2, "speed": np.ones(2, dtype=np.float32)}, 1, False, False, {}


def test_nested_observations_are_flattened_and_choices_counted_from_the_spaces_start() -> None:
    made = Other(gymnasium.spaces.Discrete(3, start=5))
    worlds, tasks = GymnasiumTasks([lambda: made]), torch.zeros(1, dtype=torch.long)
    state, seen = worlds.reset(tasks, generator(0))
    assert (worlds.n_observations, worlds.n_actions) == (5, 3)
    assert seen.tolist() == [[0, 1, 0, 0, 0]]
    after = worlds.step(tasks, state, torch.tensor([2]), generator(0))
    assert after.observation.tolist() == [[0, 0, 1, 1, 1]]
    assert made.last == 7


def test_environments_that_do_not_fit_are_refused() -> None:
    spaces = gymnasium.spaces
    with pytest.raises(InputError, match="`makers` is empty"):
        GymnasiumTasks([])
    with pytest.raises(InputError, match=r"action space of environment 1 is .*that of the first"):
        GymnasiumTasks([lambda n=n: Other(spaces.Discrete(n)) for n in (2, 3)])
    with pytest.raises(InputError, match="neither Discrete nor Box; wrap"):
        GymnasiumTasks([lambda: Other(spaces.MultiDiscrete([2, 2]))])


def test_without_gymnasium_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "gymnasium":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in [name for name in sys.modules if name.partition(".")[0] == "gymnasium"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingPackageError, match=r'pip install "polytask\[rl\]"'):
        GymnasiumView(Counter(), n_tasks=1)
    with pytest.raises(MissingPackageError, match=r'pip install "polytask\[rl\]"'):
        GymnasiumTasks([])
