"""Meta-reinforcement learning: exact expectations, dynamic programming, and learners that learn."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from polytask.core import InputError, generator, seeded
from polytask.rl import RL2, Bandits, MAMLPolicy, PointNavigation, TabularMDPs
from polytask.rl.advantages import generalized_advantages
from polytask.rl.bandit_references import (
    gittins_indices,
    gittins_rule,
    play,
    random_rule,
    thompson_rule,
    ucb_rule,
)
from polytask.rl.environment import Environment
from polytask.rl.proximal import ProximalTraining, clipped_gain
from polytask.rl.rollout import Rollout

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


@pytest.mark.parametrize("estimator", ["ratio", "dice"])
def test_the_meta_gradient_is_that_of_the_exact_expected_return(estimator: Literal["ratio", "dice"]) -> None:
    means, rate = torch.tensor([1.0, 0.2, -0.5]), 0.7
    start = torch.tensor([0.1, -0.2, 0.3])

    def expected(theta: Tensor) -> Tensor:
        inner = torch.func.grad(lambda logits: logits.softmax(-1) @ means)(theta)
        return (theta + rate * inner).softmax(-1) @ means

    exact = torch.func.grad(expected)(start)
    policy = Logits(start.clone())
    learner = MAMLPolicy(policy, inner_rate=rate, discount=1.0, estimator=estimator)
    bandits = Sure(3)
    tasks = means.expand(40, 3)
    found = torch.zeros(3)
    draw = generator(0)
    for _ in range(4):
        rollout = learner.collect(bandits, tasks, n_rollouts=2000, horizon=1, generator=draw)
        (gradient,) = torch.autograd.grad(learner.objective(rollout), policy.logits)
        found -= gradient / 4
    torch.testing.assert_close(found, exact, atol=0.01, rtol=0.05)


def test_without_second_order_the_meta_gradient_is_the_policy_gradient_after_adaptation() -> None:
    means, rate, start = torch.tensor([1.0, 0.2, -0.5]), 0.7, torch.tensor([0.1, -0.2, 0.3])

    def payoff(logits: Tensor) -> Tensor:
        return logits.softmax(-1) @ means

    after = start + rate * torch.func.grad(payoff)(start)
    exact = torch.func.grad(payoff)(after)
    policy = Logits(start.clone())
    learner = MAMLPolicy(policy, inner_rate=rate, discount=1.0, second_order=False)
    rollout = learner.collect(
        Sure(3), means.expand(40, 3), n_rollouts=4000, horizon=1, generator=generator(0)
    )
    (gradient,) = torch.autograd.grad(learner.objective(rollout), policy.logits)
    torch.testing.assert_close(-gradient, exact, atol=0.01, rtol=0.05)


def test_with_exploration_the_meta_gradient_is_exact_for_few_rollouts() -> None:
    means, rate, start = torch.tensor([1.0, 0.2, -0.5]), 2.0, torch.tensor([0.1, -0.2, 0.3])

    def expected(theta: Tensor) -> Tensor:
        """Sum over all pairs of arms that two rollouts may try."""
        chances, total = theta.softmax(-1), torch.zeros(())
        for one, other in itertools.product(range(3), range(3)):
            better = means[one] - means[other]
            slope = better * (torch.eye(3)[one] - torch.eye(3)[other]) / 2
            total = total + chances[one] * chances[other] * ((theta + rate * slope).softmax(-1) @ means)
        return total

    exact = torch.func.grad(expected)(start)
    policy = Logits(start.clone())
    learner = MAMLPolicy(policy, inner_rate=rate, discount=1.0, explore=True)
    rollout = learner.collect(
        Sure(3), means.expand(100_000, 3), n_rollouts=2, horizon=1, generator=generator(0)
    )
    (gradient,) = torch.autograd.grad(learner.objective(rollout), policy.logits)
    torch.testing.assert_close(-gradient, exact, atol=0.01, rtol=0.03)


def test_dice_is_unbiased_over_several_actions_where_the_ratio_is_not() -> None:
    """All 4 episodes of two actions, equally often: the mean over them is the expectation."""
    rate = 0.4
    episodes = torch.tensor(list(itertools.product(range(2), repeat=2)))  # [rollout, time]
    theta = torch.zeros(2, dtype=torch.float64)  # makes them equally likely
    logs = theta.log_softmax(-1)[episodes]
    tried = Rollout(
        observations=torch.ones(1, 4, 2, 1),
        actions=episodes.unsqueeze(0),
        rewards=torch.tensor([[[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]], dtype=torch.float64),
        done=torch.zeros(1, 4, 2, dtype=torch.bool),
        log_probabilities=logs.unsqueeze(0),
    )

    def payoff(logits: Tensor) -> Tensor:
        return logits.softmax(-1)[0] ** 2  # it pays to choose the first action both times

    def adapted(logits: Tensor) -> Tensor:
        return logits + rate * torch.func.grad(payoff)(logits)

    def found(estimator: Literal["ratio", "dice"]) -> Tensor:
        learner = MAMLPolicy(Logits(theta), inner_rate=rate, discount=1.0, estimator=estimator)
        data = {name: part[0] for name, part in learner._data(tried).items()}
        data["baseline"] = torch.zeros(4, 2, dtype=torch.float64)  # the rollouts are no sample
        data["advantages"] = tried.returns(1.0)[0]
        step = learner.inner_rate.detach().double()
        return torch.func.jacrev(lambda logits: learner._stepped({"logits": logits}, data, step)["logits"])(
            theta
        )

    expected = torch.func.jacrev(adapted)(theta)
    torch.testing.assert_close(found("dice"), expected, atol=1e-6, rtol=0)
    assert float((found("ratio") - expected).abs().max()) > 0.01


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
    training = ProximalTraining(learner, torch.optim.Adam(learner.parameters(), lr=1e-2), n_parts=2)
    paid: list[float] = []
    for _ in range(50):
        rollout = learner.collect(bandits, bandits.tasks(200, draw), n_steps=10, generator=draw)
        paid.append(float(rollout.rewards.sum(1).mean()))
        training.step(rollout, generator=draw)
    assert sum(paid[:3]) / 3 < 5.3
    assert sum(paid[-10:]) / 10 > 5.7


def test_maml_learns_to_adapt_to_a_bandit() -> None:
    bandits, draw = Bandits(2), generator(0)
    with seeded(0, "network"):
        learner = MAMLPolicy(nn.Linear(1, 2), inner_rate=0.3, learn_rate=True)
    optimizer = torch.optim.Adam(learner.parameters(), lr=5e-2)
    training = ProximalTraining(learner, optimizer, n_epochs=3, n_parts=2)
    paid: list[float] = []
    for _ in range(25):
        rollout = learner.collect(bandits, bandits.tasks(200, draw), n_rollouts=10, horizon=1, generator=draw)
        paid.append(float(rollout.rewards.mean()))
        training.step(rollout, generator=draw)
    assert sum(paid[:3]) / 3 < 0.54
    assert sum(paid[-10:]) / 10 > 0.6


@pytest.mark.parametrize("name", ["bernoulli", "plane"])
def test_a_replay_finds_the_probabilities_that_were_recorded(name: str) -> None:
    environment, draw = ENVIRONMENTS[name](), generator(0)
    with seeded(0, "network"):
        learner = RL2(environment, width=8)
    with torch.no_grad():
        learner.policy.weight.mul_(100)  # so that the past matters
    rollout = learner.collect(environment, environment.tasks(6, draw), n_steps=9, generator=draw)
    chosen, values = learner.replay(rollout)
    torch.testing.assert_close(chosen.log_prob(rollout.actions), rollout.log_probabilities)
    assert values.shape == (6, 9)
    other = rollout.part(torch.tensor([3, 0]))
    torch.testing.assert_close(learner.replay(other)[1], values[[3, 0]])


def test_an_objective_does_not_depend_on_the_size_of_rewards() -> None:
    bandits, draw = Bandits(3, kind="gaussian"), generator(0)
    with seeded(0, "network"):
        learner = RL2(bandits, width=8)
    with torch.no_grad():
        learner.memory.state_dict()["weight_ih_l0"][:, -2].zero_()  # it must not see the rewards
    rollout = learner.collect(bandits, bandits.tasks(30, draw), n_steps=7, generator=draw)
    larger = replace(rollout, rewards=50 * rollout.rewards)
    torch.testing.assert_close(learner.objective(larger), learner.objective(rollout), rtol=1e-4, atol=1e-5)


def test_the_greedy_action_is_the_likeliest() -> None:
    bandits, draw = Bandits(4), generator(0)
    learner = RL2(bandits, width=8)
    with torch.no_grad():
        learner.policy.bias.copy_(torch.tensor([0.0, 0.1, 0.3, 0.2]))
    rollout = learner.collect(bandits, bandits.tasks(5, draw), n_steps=3, generator=draw, greedy=True)
    assert rollout.actions.eq(2).all()


@settings(deadline=None)
@given(ratio=st.floats(0.2, 3.0), advantage=st.floats(-3, 3), clip=st.floats(0.05, 0.5))
def test_a_clipped_gain_is_a_pessimist_and_flat_where_the_policy_went_too_far(
    ratio: float, advantage: float, clip: float
) -> None:
    logs = torch.tensor([ratio], dtype=torch.float64).log().requires_grad_()
    gain = clipped_gain(logs, torch.zeros(1), torch.tensor([advantage], dtype=torch.float64), clip)
    (slope,) = torch.autograd.grad(gain.sum(), logs)
    assert gain.item() <= ratio * advantage + 1e-12
    too_far = (ratio > 1 + clip and advantage > 0) or (ratio < 1 - clip and advantage < 0)
    assert slope.item() == (0.0 if too_far else pytest.approx(ratio * advantage, abs=1e-9))


def test_parts_of_a_rollout_keep_tasks_together() -> None:
    bandits, draw = Bandits(3), generator(0)
    learner = MAMLPolicy(nn.Linear(1, 3), n_steps=2)
    rollout = learner.collect(bandits, bandits.tasks(6, draw), n_rollouts=3, horizon=2, generator=draw)
    part = rollout.part(torch.tensor([4, 1]))
    assert torch.equal(part.actions, rollout.actions[[4, 1]])
    assert len(part.before) == 2
    assert torch.equal(part.before[1].log_probabilities, rollout.before[1].log_probabilities[[4, 1]])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_both_learners_act_in_every_environment(name: str) -> None:
    environment, draw = ENVIRONMENTS[name](), generator(0)
    tasks = environment.tasks(3, draw)
    learner = RL2(environment, width=8)
    rollout = learner.collect(environment, tasks, n_steps=6, generator=draw)
    learner.objective(rollout).backward()
    assert rollout.rewards.shape == (3, 6)
    policy = nn.Linear(environment.n_observations, environment.n_actions)
    maml = MAMLPolicy(policy, continuous=environment.continuous, n_steps=2, learn_rate=True, explore=True)
    tried = maml.collect(environment, tasks, n_rollouts=4, horizon=5, generator=draw)
    maml.objective(tried).backward()
    assert tried.rewards.shape == tried.before[0].rewards.shape == (3, 4, 5)
    for trained in (learner, maml):
        gradients = [p.grad for p in trained.parameters()]
        assert all(g is not None and bool(g.isfinite().all() and g.any()) for g in gradients)


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
        (
            lambda: MAMLPolicy(nn.Linear(1, 2), inner_rate=0.0),
            "`inner_rate`, `scale` and `clip` must be above 0",
        ),
        (lambda: MAMLPolicy(nn.Linear(1, 2), estimator="reinforce"), "`estimator` is 'reinforce'"),  # pyright: ignore[reportArgumentType]
        (lambda: RL2(Bandits(2), clip=0.0), "`clip` and `scale` must be above 0"),
        (
            lambda: ProximalTraining(
                RL2(Bandits(2)), torch.optim.SGD([torch.zeros(1, requires_grad=True)]), n_epochs=0
            ),
            "`n_epochs` and `n_parts` must be at least 1",
        ),
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


def test_ucb_pulls_the_arm_of_the_largest_bound():
    # After 104 pulls, 4 of them of the second arm: 0.6 + 0.30 against 0.25 + 1.52.
    successes, failures = torch.tensor([[60.0, 1.0]]), torch.tensor([[40.0, 3.0]])
    assert ucb_rule(successes, failures, 5, torch.Generator()).tolist() == [1]
    # After 160 pulls, 60 of them of the second arm: 0.6 + 0.32 against 0.02 + 0.41.
    assert ucb_rule(successes, torch.tensor([[40.0, 59.0]]), 5, torch.Generator()).tolist() == [0]
    # An arm that has never won is still pulled where it is little known: 0.6 + 0.30 against 0 + 1.52.
    successes, failures = torch.tensor([[60.0, 0.0]]), torch.tensor([[40.0, 4.0]])
    assert ucb_rule(successes, failures, 5, torch.Generator()).tolist() == [1]
