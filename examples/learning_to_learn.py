"""Learning to learn: MAML on sinusoids
====================================

A net that has seen many sinusoids A sin(x - phase) gets five points of a new one and makes a few gradient
steps. Where it starts decides how well that goes: MAML learns the start itself. Beside it, a random
start, and a net trained jointly on all known sinusoids (which can only learn their average). All three
are the same net and adapt in the same way, by plain steps of rate 0.01.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from polytask.core import mean_interval, seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.execution import run_vmap
from polytask.meta import GradientLearner, mlp
from polytask.meta.initialization import MAML
from polytask.train import train

torch.set_num_threads(1)
SHOTS, STEPS = 5, (0, 1, 10, 100)  # points of a new sinusoid, and steps made on them

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, default=Path("runs/learning_to_learn.png"))
parser.add_argument("--steps", type=int, default=700, help="training steps, of 25 sinusoids each")
arguments = parser.parse_args()


def start(n_steps: int) -> GradientLearner:
    """Return the same random net each time; trained with 0 inner steps, it is plain joint training."""
    with seeded(0, "net"):
        return MAML(mlp([1, 40, 40, 1]), inner_rate=0.01, n_steps=n_steps)


# %%
# Training on known sinusoids
# ---------------------------
known = FunctionEpisodes(Sinusoids(), n_support=SHOTS, n_query=10, n_episodes=25, seed=0)
starts = {"random start": start(0), "joint pre-training": start(0), "MAML": start(1)}
for name in ("joint pre-training", "MAML"):
    train(
        starts[name],
        known,
        n_steps=arguments.steps,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=6e-3),
        schedule=lambda step: 1 - 0.9 * step / arguments.steps,
        max_norm=10.0,
        execution="vmap",
    )

# %%
# New sinusoids
# -------------
new = FunctionEpisodes(Sinusoids(), n_support=SHOTS, n_query=200, n_episodes=400, seed=2).step(0)
print(f"squared error on {len(new)} new sinusoids, mean and 95 % interval, by steps on {SHOTS} points:")
print(f"{'':18s}", *(f"{k:^12d}" for k in STEPS))
errors, by_task = {}, {}
for name, learner in starts.items():
    with torch.no_grad():  # all sinusoids at once
        by_task[name] = {k: run_vmap(learner.with_steps(k), new) for k in STEPS}  # [sinusoid] each
    errors[name] = {k: mean_interval(found.tolist()) for k, found in by_task[name].items()}
    print(f"{name:18s}", *(f"{error.format(2):^12s}" for error in errors[name].values()))

# %%
# The picture: one new sinusoid, before and after
# -----------------------------------------------
# The one at a middle distance from the average sinusoid; what adapting does to it plays no part in that.
order = by_task["joint pre-training"][0].argsort()
episode = new[int(order[len(new) // 2])]
support, query = episode.support, episode.query
if (
    support is None
    or not isinstance(support.inputs, torch.Tensor)
    or not isinstance(query.inputs, torch.Tensor)
):
    raise TypeError("an episode of sinusoids has tensors, and a support")
truth = query.inputs[:, 0].argsort()
x = torch.linspace(-5, 5, 200)[:, None]

figure = plt.figure(figsize=(12, 4), layout="constrained")
axes = figure.subplots(1, 3, sharey=True)
for ax, (name, learner) in zip(axes, starts.items(), strict=True):
    ax.plot(
        query.inputs[truth], query.targets["y"][truth], color="0.8", linewidth=6, label="the new sinusoid"
    )
    for k, style, color in ((0, ":", "0.35"), (1, "--", "#6fa8d6"), (10, "-", "#1f6fb2")):
        answer = learner.with_steps(k).adapt(episode.tasks, support)(x)["y"].detach()
        label = "where the net starts" if k == 0 else f"after {k} step{'s' * (k > 1)}"
        ax.plot(x, answer, style, color=color, linewidth=2, label=label)
    ax.plot(support.inputs, support.targets["y"], "o", color="#c2453a", markersize=8, label="its five points")
    ax.set_title(f"{name}: {errors[name][10].format(2)}", fontsize=11)
    ax.set_xlabel("x")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("y")
figure.suptitle(
    f"One new sinusoid; above each start, its squared error after 10 steps over {len(new)} of them"
)
figure.legend(*axes[0].get_legend_handles_labels(), ncols=5, loc="outside lower center", frameon=False)
arguments.output.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output, dpi=120)
print(f"picture written to {arguments.output}")

# %%
# What this page claims, checked:
best = {name: min(found.values(), key=lambda error: error.mean) for name, found in errors.items()}
learned, random, joint = best["MAML"], best["random start"], best["joint pre-training"]
checks = {
    "the learned start: a single step helps": errors["MAML"][1].high < errors["MAML"][0].low,
    "it ends far below a random start at its best": learned.high < 0.5 * random.low,
    "and far below joint pre-training at its best": learned.high < 0.5 * joint.low,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
