"""Meta-reinforcement learning: RL2 and MAML on bandits and on navigation, beside the rules that are known.

    python benchmarks/quality/meta_rl.py --seed 0 1 2

Bernoulli bandits of 5 arms, means from U[0, 1], 10 pulls and 100 pulls; every row is judged on the same
10,000 bandits that were never trained on. RL2 plays the whole trial with one recurrent network. MAML pulls
half of the budget by its initial policy, makes one policy-gradient step, and pulls the other half by the
adapted one; what random exploration leaves to be gained so is the row "half at random, then the best guess".
Navigation: a point in the plane with a goal that only the reward tells of, episodes of 20 steps. RL2 keeps
its memory over three of them; MAML adapts to ten of them by one step. Writes results/meta-rl.json and a
figure.

References: Duan et al. RL2. 2016, arXiv:1611.02779. Finn, Abbeel, Levine. MAML. ICML 2017, arXiv:1703.03400.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from results import write_results  # beside this file
from torch import Tensor, nn

from polytask.core import generator, mean_interval, seeded
from polytask.rl import RL2, Bandits, MAMLPolicy, PointNavigation
from polytask.rl.bandit_references import gittins_rule, play, random_rule, thompson_rule, ucb_rule
from polytask.rl.proximal import PolicyLearner, ProximalTraining
from polytask.rl.rollout import Rollout

RESULT = Path(__file__).parent / "results" / "meta-rl.json"
FIGURE = RESULT.with_suffix(".png")
N_ARMS, N_TEST, TEST_SEED = 5, 10_000, 1_000_000
N_TASKS = {"RL2": 250, "MAML": 200, "MAML navigation": 20}  # of a batch
N_ITERATIONS = {
    "RL2, 10 pulls": 120,
    "MAML, 10 pulls": 60,
    "RL2, 100 pulls": 120,
    "MAML, 100 pulls": 40,
    "RL2, navigation": 60,
    "MAML, navigation": 80,
}
HORIZON, N_EPISODES, N_ROLLOUTS = 20, 3, 10  # of navigation
COLOURS = {
    "RL2": "C0", "MAML": "C1", "Gittins": "C2", "Thompson": "C4", "UCB1": "C5", "random": "grey",
}  # fmt: skip


def train(
    learner: PolicyLearner, collect: Callable[[torch.Generator], Rollout], seed: int, name: str, rate: float
) -> list[float]:
    """Train on new tasks in every batch; return the mean reward of an action in each batch."""
    draw, n_iterations = generator(seed, name), N_ITERATIONS[name]
    optimizer = torch.optim.Adam(learner.parameters(), lr=rate, eps=1e-5)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, n_iterations)
    training = ProximalTraining(learner, optimizer, n_epochs=4, n_parts=2)
    curve: list[float] = []
    for _ in range(n_iterations):
        rollout = collect(draw)
        curve.append(float(_rewards(rollout).mean()))
        training.step(rollout, generator=draw)
        schedule.step()
    return curve


def _rewards(rollout: Rollout) -> Tensor:
    """Return all rewards of each task in the order in which they came, ``[task, action]``."""
    return torch.cat([part.rewards.flatten(1) for part in (*rollout.before, rollout)], dim=1)


def bandits(n_pulls: int, seed: int) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """Return the rewards of every row on the test bandits, ``[task, pull]``, and learning curves."""
    world = Bandits(N_ARMS)
    tasks = world.tasks(N_TEST, generator(TEST_SEED))
    draw = generator(seed, "judge", n_pulls)
    found = {name: play(rule, tasks, n_pulls, draw) for name, rule in references(n_pulls).items()}
    found["half at random, then the best guess"] = guessed(tasks, n_pulls, draw)
    half = n_pulls // 2

    with seeded(seed, "RL2"):
        recurrent = RL2(world)
    curves = {
        "RL2": train(
            recurrent,
            lambda draw: recurrent.collect(
                world, world.tasks(N_TASKS["RL2"], draw), n_steps=n_pulls, generator=draw
            ),
            seed,
            f"RL2, {n_pulls} pulls",
            1e-2,
        )
    }
    found["RL2"] = recurrent.collect(world, tasks, n_steps=n_pulls, generator=draw).rewards
    found["RL2, likeliest arm"] = recurrent.collect(
        world, tasks, n_steps=n_pulls, generator=draw, greedy=True
    ).rewards

    with seeded(seed, "MAML"):
        policy = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, N_ARMS))
    adaptive = MAMLPolicy(policy, inner_rate=1.0, learn_rate=True)
    found["MAML, untrained"] = played(adaptive, world, tasks, half, draw)
    curves["MAML"] = train(
        adaptive,
        lambda draw: adaptive.collect(
            world, world.tasks(N_TASKS["MAML"], draw), n_rollouts=half, horizon=1, generator=draw
        ),
        seed,
        f"MAML, {n_pulls} pulls",
        1e-2,
    )
    found["MAML"] = played(adaptive, world, tasks, half, draw)
    return found, curves


def played(learner: MAMLPolicy, world: Bandits, tasks: Tensor, n_pulls: int, draw: torch.Generator) -> Tensor:
    """Return the rewards before and after adaptation, ``[task, pull]``; each pull is a rollout."""
    return _rewards(learner.collect(world, tasks, n_rollouts=n_pulls, horizon=1, generator=draw))


def references(n_pulls: int) -> dict[str, Any]:
    return {
        "random": random_rule,
        "UCB1": ucb_rule,
        "Thompson": thompson_rule,
        "Gittins": gittins_rule(n_pulls),
    }


def guessed(tasks: Tensor, n_pulls: int, draw: torch.Generator) -> Tensor:
    """Pull half of the times at random, and then always the arm of the highest posterior mean."""

    def rule(successes: Tensor, failures: Tensor, left: int, draw: torch.Generator) -> Tensor:
        if left == n_pulls // 2:
            state["arm"] = ((successes + 1) / (successes + failures + 2)).argmax(1)
        return state["arm"] if left <= n_pulls // 2 else random_rule(successes, failures, left, draw)

    state: dict[str, Tensor] = {}
    return play(rule, tasks, n_pulls, draw)


def navigation(seed: int) -> dict[str, Any]:
    """Return the mean return of 20 steps: by episode for RL2, before and after the step for MAML."""
    plane = PointNavigation(horizon=HORIZON)
    goals = plane.tasks(1000, generator(TEST_SEED))
    draw = generator(seed, "judge")
    with seeded(seed, "RL2"):
        recurrent = RL2(plane, scale=0.1)
    n_steps = N_EPISODES * HORIZON
    train(
        recurrent,
        lambda draw: recurrent.collect(
            plane, plane.tasks(N_TASKS["RL2"], draw), n_steps=n_steps, generator=draw
        ),
        seed,
        "RL2, navigation",
        1e-2,
    )
    played = recurrent.collect(plane, goals, n_steps=n_steps, generator=draw).rewards
    episodes = played.unflatten(1, (N_EPISODES, HORIZON)).sum(2).mean(0).tolist()

    with seeded(seed, "MAML"):
        last = nn.Linear(64, 2)
        policy = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), last)
    with torch.no_grad():
        last.weight.mul_(0.1)  # begin by hardly moving
        last.bias.zero_()
    adaptive = MAMLPolicy(policy, continuous=True, scale=0.1, inner_rate=3e-4, learn_rate=True)
    train(
        adaptive,
        lambda draw: adaptive.collect(
            plane,
            plane.tasks(N_TASKS["MAML navigation"], draw),
            n_rollouts=N_ROLLOUTS,
            horizon=HORIZON,
            generator=draw,
        ),
        seed,
        "MAML, navigation",
        3e-3,
    )
    after = adaptive.collect(plane, goals, n_rollouts=N_ROLLOUTS, horizon=HORIZON, generator=draw)
    return {
        "standing still": -HORIZON * float(goals.square().sum(1).mean()),
        "straight to a known goal": known_goal(goals),
        **{f"RL2, episode {k + 1}": value for k, value in enumerate(episodes)},
        "MAML, before": float(after.before[0].rewards.sum(2).mean()),
        "MAML, after one step": float(after.rewards.sum(2).mean()),
    }


def known_goal(goals: Tensor) -> float:
    """Return what is paid on the straight way to the goal and for staying there."""
    place, total = torch.zeros_like(goals), torch.zeros(len(goals))
    for _ in range(HORIZON):
        place = place + (goals - place).clamp(-0.1, 0.1)
        total -= (goals - place).square().sum(1)
    return float(total.mean())


def summary(values: list[float], decimals: int) -> str:
    return mean_interval(values).format(decimals)


def picture(
    curves: dict[str, list[list[float]]],
    rewards: dict[int, dict[str, list[Tensor]]],
    navigated: dict[str, list[float]],
) -> None:
    figure, panels = plt.subplots(2, 2, figsize=(11, 7.6), layout="constrained")
    _draw_learning(panels[0, 0], curves, rewards[10])
    for axes, n_pulls in ((panels[0, 1], 10), (panels[1, 0], 100)):
        _draw_pulls(axes, rewards[n_pulls], n_pulls)
    _draw_navigation(panels[1, 1], navigated)
    figure.savefig(FIGURE, dpi=120)
    plt.close(figure)


def _draw_learning(
    axes: Axes, curves: dict[str, list[list[float]]], rewards: dict[str, list[Tensor]]
) -> None:
    for name, runs in curves.items():
        values = 10 * np.array([_smooth(run) for run in runs])
        seen = np.arange(values.shape[1]) * N_TASKS[name] / 1000
        axes.plot(seen, values.mean(0), color=COLOURS[name], linewidth=2, label=name)
        axes.fill_between(seen, values.min(0), values.max(0), color=COLOURS[name], alpha=0.2, linewidth=0)
    for name in ("Gittins", "Thompson", "UCB1", "random"):
        level = float(torch.stack(rewards[name]).sum(2).mean())
        axes.axhline(level, color=COLOURS[name], linewidth=1, linestyle="--", label=name)
    axes.set(xlabel="training bandits tried (thousands)", ylabel="reward of 10 pulls", ylim=(4.8, 6.8))
    axes.set_title("Learning to play 5 arms with 10 pulls (band: all seeds)", fontsize=10, loc="left")
    axes.legend(fontsize=8, ncols=2, loc="center right", bbox_to_anchor=(1.0, 0.3))


def _smooth(curve: list[float]) -> np.ndarray:
    """Return means of five batches in a row."""
    return np.convolve(curve, np.ones(5) / 5, mode="valid")


def _draw_pulls(axes: Axes, rewards: dict[str, list[Tensor]], n_pulls: int) -> None:
    for name in ("Gittins", "Thompson", "UCB1", "random", "MAML", "RL2"):
        values = torch.stack(rewards[name]).mean((0, 1))  # [pull]
        learned = name in ("RL2", "MAML")
        axes.plot(
            range(1, n_pulls + 1),
            values,
            color=COLOURS[name],
            linewidth=2 if learned else 1.2,
            linestyle="-" if learned else "--",
            label=name,
        )
    axes.set(xlabel="pull of the trial", ylabel="mean reward", ylim=(0.47, 0.76 if n_pulls == 10 else 0.85))
    axes.set_title(
        f"New bandits of 5 arms, {n_pulls} pulls: exploring, then exploiting", fontsize=10, loc="left"
    )
    if n_pulls == 10:
        axes.legend(fontsize=8, ncols=2, loc="upper left")
    else:
        axes.legend(fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.15))


def _draw_navigation(axes: Axes, navigated: dict[str, list[float]]) -> None:
    names = [name for name in navigated if name.startswith(("RL2", "MAML"))]
    means = [float(np.mean(navigated[name])) for name in names]
    axes.bar(range(len(names)), means, color=[COLOURS[name.split(",")[0]] for name in names], width=0.65)
    for place, name in enumerate(names):
        axes.plot([place] * len(navigated[name]), navigated[name], "k.", markersize=4)
    for name, style in (("standing still", ":"), ("straight to a known goal", "--")):
        axes.axhline(navigated[name][0], color="black", linewidth=1, linestyle=style, label=name)
    axes.set_xticks(range(len(names)), [name.replace(", ", "\n") for name in names], fontsize=8)
    axes.set_ylabel("return of 20 steps")
    axes.set_title("Finding a goal in the plane, new goals (dots: seeds)", fontsize=10, loc="left")
    axes.legend(fontsize=8, loc="center left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    rewards: dict[int, dict[str, list[Tensor]]] = {10: {}, 100: {}}
    curves: dict[str, list[list[float]]] = {}
    navigated: dict[str, list[float]] = {}
    for seed in asked.seed:
        for n_pulls, rows in rewards.items():
            found, learned = bandits(n_pulls, seed)
            for name, values in found.items():
                rows.setdefault(name, []).append(values)
                print(
                    f"seed {seed}  {n_pulls} pulls  {name:<40} {float(values.sum(1).mean()):.2f}", flush=True
                )
            if n_pulls == 10:
                for name, curve in learned.items():
                    curves.setdefault(name, []).append(curve)
        for name, value in navigation(seed).items():
            navigated.setdefault(name, []).append(value)
            print(f"seed {seed}  navigation  {name:<40} {value:.2f}", flush=True)
    seconds = round(time.process_time() - start)
    picture(curves, rewards, navigated)
    figures: dict[str, Any] = {
        f"{N_ARMS} arms, {n_pulls} pulls": {
            name: {
                "total reward": summary([float(v.sum(1).mean()) for v in values], 2),
                "reward per pull, second half": summary(
                    [float(v[:, n_pulls // 2 :].mean()) for v in values], 3
                ),
            }
            for name, values in rows.items()
        }
        for n_pulls, rows in rewards.items()
    }
    figures["navigation, return of 20 steps"] = {
        name: summary(values, 2) for name, values in navigated.items()
    }
    setting = {
        "seeds": asked.seed,
        "interval": "95 %, Student's t over seeds; the test tasks are the same for all",
        "test bandits": N_TEST,
        "test goals": 1000,
        "iterations": N_ITERATIONS,
        "tasks of a batch": N_TASKS,
        "MAML on bandits": "half of the pulls before its one inner step, half after; MLP 1-32-5",
        "RL2": "GRU of width 48, 4 epochs of 2 clipped steps a batch, Adam 1e-2 falling linearly",
        "processor seconds": seconds,
    }
    write_results(
        RESULT,
        setting=setting,
        figures=figures,
        seed=asked.seed,
        split="tasks drawn; those of the test seed are judged",
    )


if __name__ == "__main__":
    main()
