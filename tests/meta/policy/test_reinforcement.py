"""Meta-reinforcement learning: exact expectations, dynamic programming, and learners that learn."""

import itertools
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from polytask.core import InputError, generator, seeded
from polytask.meta.policy import (
    RL2,
    Bandits,
    Environment,
    MAMLPolicy,
    PointNavigation,
    TabularMDPs,
    generalized_advantages,
    gittins_indices,
    gittins_rule,
    play,
    random_rule,
    thompson_rule,
    ucb_rule,
)

ENVIRONMENTS: dict[str, Callable[[], Environment]] = {
    "bernoulli": lambda: Bandits(3),
    "gaussian": lambda: Bandits(3, kind="gaussian", noise=0.1),
    "mdp": lambda: TabularMDPs(n_states=4, n_actions=3, horizon=3),
    "plane": lambda: PointNavigation(horizon=4),
}


def random_action(environment: Environment, n_tasks: int, draw: torch.Generator) -> Tensor:
    if environment.continuous:
        return torch.randn(n_tasks, environment.n_actions, generator=draw)
    return torch.randint(environment.n_actions, (n_tasks,), generator=draw)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_the_promised_shapes_and_repeats_with_its_generator(name: str) -> None:
    def trial() -> list[Tensor]:
        environment, draw = ENVIRONMENTS[name](), generator(0)
        tasks = environment.tasks(5, draw)
        state, seen = environment.reset(tasks, draw)
        found = [tasks, seen]
        for _ in range(6):
            after = environment.step(tasks, state, random_action(environment, 5, draw), draw)
            state = after.state
            assert after.observation.shape == seen.shape == (5, environment.n_observations)
            assert after.reward.shape == after.done.shape == (5,)
            found += [after.observation, after.reward]
        return found

    assert all(torch.equal(one, other) for one, other in zip(trial(), trial()))


def test_an_arm_pays_by_its_mean() -> None:
    bandits, draw = Bandits(2), generator(0)
    tasks = torch.tensor([[0.2, 0.9]]).expand(20_000, 2)
    state, _ = bandits.reset(tasks, draw)
    for arm, mean in ((0, 0.2), (1, 0.9)):
        reward = bandits.step(tasks, state, torch.full((20_000,), arm), draw).reward
        assert float(reward.mean()) == pytest.approx(mean, abs=0.02)


def test_a_world_moves_and_pays_by_its_table_and_begins_anew_at_the_horizon() -> None:
    worlds, draw = TabularMDPs(n_states=3, n_actions=2, horizon=2), generator(0)
    tasks = worlds.tasks(1, draw).expand(20_000, 3, 2, 4)
    torch.testing.assert_close(tasks[0, ..., :3].sum(-1), torch.ones(3, 2))
    state, seen = worlds.reset(tasks, draw)
    assert seen[0].tolist() == [1, 0, 0]
    after = worlds.step(tasks, state, torch.ones(20_000).long(), draw)
    torch.testing.assert_close(after.observation.mean(0), tasks[0, 0, 1, :3], atol=0.02, rtol=0)
    assert float(after.reward.mean()) == pytest.approx(float(tasks[0, 0, 1, 3]), abs=0.04)
    again = worlds.step(tasks, after.state, torch.zeros(20_000).long(), draw)
    assert bool(again.done.all())
    assert again.observation[:, 0].all()


def test_a_point_is_slow_and_an_episode_ends_at_the_goal() -> None:
    plane, draw = PointNavigation(), generator(0)
    goal = torch.tensor([[0.1, -0.05]])
    state, _ = plane.reset(goal, draw)
    after = plane.step(goal, state, torch.tensor([[5.0, -0.05]]), draw)
    assert bool(after.done)
    assert float(after.reward) == pytest.approx(0.0, abs=1e-9)
    assert after.observation.tolist() == [[0.0, 0.0]]


def test_advantages_are_those_of_a_plain_loop() -> None:
    draw = generator(0)
    rewards, values = torch.randn(2, 6, generator=draw), torch.randn(2, 7, generator=draw)
    done = torch.rand(2, 6, generator=draw) < 0.3
    found = generalized_advantages(rewards, values, done, discount=0.9, decay=0.8)
    for row, time in itertools.product(range(2), range(6)):
        expected, factor = 0.0, 1.0
        for later in range(time, 6):
            ends = bool(done[row, later])
            following = 0.0 if ends else float(values[row, later + 1])
            error = float(rewards[row, later]) + 0.9 * following - float(values[row, later])
            expected += factor * error
            factor *= 0.9 * 0.8
            if ends:
                break
        assert float(found[row, time]) == pytest.approx(expected, abs=1e-5)


def test_indices_are_known_values_and_fall_with_failures() -> None:
    table = gittins_indices(20)
    assert float(table[1, 3, 1]) == pytest.approx(4 / 6, abs=0.004)  # one pull left: the posterior mean
    # Two pulls left from a flat prior: 1/2 (1 + 2/3) + 1/2 l = 2 l at l = 5/9.
    assert float(table[2, 0, 0]) == pytest.approx(5 / 9, abs=0.004)
    assert bool((table[10, 0, :9].diff() <= 0).all())
    assert bool((table[10, :9, 0].diff() >= 0).all())
    assert bool((table[1:, 0, 0][:20].diff() >= 0).all())  # the longer, the more an unknown arm is worth


@cache
def best(left: int, s1: int, f1: int, s2: int, f2: int) -> float:
    """Return the most that two arms can pay, by dynamic programming over all histories."""
    if not left:
        return 0.0
    p1, p2 = (s1 + 1) / (s1 + f1 + 2), (s2 + 1) / (s2 + f2 + 2)
    one = p1 * (1 + best(left - 1, s1 + 1, f1, s2, f2)) + (1 - p1) * best(left - 1, s1, f1 + 1, s2, f2)
    other = p2 * (1 + best(left - 1, s1, f1, s2 + 1, f2)) + (1 - p2) * best(left - 1, s1, f1, s2, f2 + 1)
    return max(one, other)


def test_rules_come_in_their_order_and_gittins_comes_near_the_optimum() -> None:
    means = torch.rand(20_000, 2, generator=generator(0))
    paid = {
        name: float(play(rule, means, 10, generator(1)).sum(1).mean())
        for name, rule in {
            "gittins": gittins_rule(10), "thompson": thompson_rule, "ucb": ucb_rule, "random": random_rule,
        }.items()
    }  # fmt: skip
    assert paid["random"] == pytest.approx(5.0, abs=0.06)
    assert paid["gittins"] == pytest.approx(best(10, 0, 0, 0, 0), abs=0.06)
    assert paid["random"] + 0.5 < paid["ucb"] < paid["gittins"]
    assert paid["random"] + 0.5 < paid["thompson"] < paid["gittins"]


class Logits(nn.Module):
    """A policy of nothing but its logits."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, observations: Tensor) -> Tensor:
        return self.logits.expand(*observations.shape[:-1], -1)


class Sure(Bandits):
    """Arms that pay their mean."""

    def step(self, tasks: Tensor, state: Tensor, action: Tensor, generator: torch.Generator):
        found = super().step(tasks, state, action, generator)
        reward = tasks.gather(1, action.unsqueeze(1)).squeeze(1)
        return type(found)(state=found.state, observation=found.observation, reward=reward, done=found.done)


def test_the_meta_gradient_is_that_of_the_exact_expected_return() -> None:
    means, rate = torch.tensor([1.0, 0.2, -0.5]), 0.7
    start = torch.tensor([0.1, -0.2, 0.3])

    def expected(theta: Tensor) -> Tensor:
        inner = torch.func.grad(lambda logits: logits.softmax(-1) @ means)(theta)
        return (theta + rate * inner).softmax(-1) @ means

    exact = torch.func.grad(expected)(start)
    learner = MAMLPolicy(Logits(start.clone()), inner_rate=rate, discount=1.0, explore=False)
    bandits = Sure(3)
    tasks = means.expand(40, 3)
    found = torch.zeros(3)
    draw = generator(0)
    for _ in range(10):
        loss, _ = learner.objective(bandits, tasks, n_rollouts=2000, horizon=1, generator=draw)
        (gradient,) = torch.autograd.grad(loss, learner.policy.logits)
        found -= gradient / 10
    torch.testing.assert_close(found, exact, atol=0.01, rtol=0.05)


def test_without_second_order_the_meta_gradient_is_the_policy_gradient_after_adaptation() -> None:
    means, rate, start = torch.tensor([1.0, 0.2, -0.5]), 0.7, torch.tensor([0.1, -0.2, 0.3])

    def payoff(logits: Tensor) -> Tensor:
        return logits.softmax(-1) @ means

    after = start + rate * torch.func.grad(payoff)(start)
    exact = torch.func.grad(payoff)(after)
    learner = MAMLPolicy(Logits(start.clone()), inner_rate=rate, discount=1.0, second_order=False)
    loss, _ = learner.objective(
        Sure(3), means.expand(40, 3), n_rollouts=4000, horizon=1, generator=generator(0)
    )
    (gradient,) = torch.autograd.grad(loss, learner.policy.logits)
    torch.testing.assert_close(-gradient, exact, atol=0.01, rtol=0.05)


def test_an_inner_step_ascends_the_return_of_its_own_task() -> None:
    learner = MAMLPolicy(Logits(torch.zeros(2)), inner_rate=1.0)
    means = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    _, adapted = learner.adapt(Bandits(2), means, n_rollouts=200, horizon=3, generator=generator(0))
    logits = adapted["logits"]
    assert float(logits[0, 0]) > float(logits[0, 1])
    assert float(logits[1, 1]) > float(logits[1, 0])


def test_rl2_learns_to_learn_a_bandit() -> None:
    bandits, draw = Bandits(2), generator(0)
    with seeded(0, "network"):
        learner = RL2(bandits, width=24)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    paid: list[float] = []
    for _ in range(240):
        optimizer.zero_grad()
        loss, rollout = learner.objective(bandits, bandits.tasks(200, draw), n_steps=10, generator=draw)
        loss.backward()
        optimizer.step()
        paid.append(float(rollout.rewards.sum(1).mean()))
    assert sum(paid[:10]) / 10 < 5.2
    assert sum(paid[-20:]) / 20 > 5.4


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_both_learners_act_in_every_environment(name: str) -> None:
    environment, draw = ENVIRONMENTS[name](), generator(0)
    tasks = environment.tasks(3, draw)
    learner = RL2(environment, width=8)
    loss, rollout = learner.objective(environment, tasks, n_steps=6, generator=draw)
    loss.backward()
    assert rollout.rewards.shape == (3, 6)
    policy = nn.Linear(environment.n_observations, environment.n_actions)
    maml = MAMLPolicy(policy, continuous=environment.continuous, n_steps=2, learn_rate=True, explore=True)
    loss, rollout = maml.objective(environment, tasks, n_rollouts=4, horizon=5, generator=draw)
    loss.backward()
    assert rollout.rewards.shape == (12, 5)
    assert all(bool(p.grad is not None and p.grad.isfinite().all()) for p in maml.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Bandits(1), "`n_arms` must be at least 2, got 1"),
        (lambda: Bandits(2, kind="cauchy"), "`kind` is 'cauchy'"),  # pyright: ignore[reportArgumentType]
        (lambda: TabularMDPs(horizon=0), "`n_states`, `n_actions` and `horizon` must be at least 1"),
        (lambda: PointNavigation(horizon=0), "`horizon` must be at least 1, got 0"),
        (lambda: gittins_indices(0), "`horizon` and `resolution` must be at least 1"),
        (lambda: RL2(Bandits(2), width=0), "`width` must be at least 1, got 0"),
        (lambda: MAMLPolicy(nn.Identity()), "`policy` has no trainable parameter"),
        (lambda: MAMLPolicy(nn.Linear(1, 2), inner_rate=0.0), "`inner_rate` and `scale` must be above 0"),
        (
            lambda: MAMLPolicy(nn.Linear(1, 2)).adapt(
                Bandits(2), torch.rand(1, 2), n_rollouts=1, horizon=3, generator=generator(0)
            ),
            "`n_rollouts` must be at least 2",
        ),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
