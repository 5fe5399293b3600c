"""Continual updates: meta-knowledge that learns on
=================================================

A learner that was trained on small waves is in use, and now it meets large ones. Each new task is
answered first, and only then learned from, beside replayed tasks of before; every eighth task never
trains, but guards: an update that makes the guards worse is undone. The errors on the new kind fall, and
those on the old kind stay low.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask.core import Batch, Task, generator, seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.meta import mlp
from polytask.meta.initialization import MAML
from polytask.online import ContinualUpdate
from polytask.train import train

torch.set_num_threads(1)
TASK = Task(name="y", kind="regression")
SMALL, LARGE = Sinusoids(amplitude=(0.5, 1.5)), Sinusoids(amplitude=(3.0, 5.0))
N_MET = 80


def episodes(family: Sinusoids, seed: int) -> FunctionEpisodes:
    return FunctionEpisodes(family, n_support=10, n_query=10, n_episodes=8, seed=seed)


def error(learner: MAML, family: Sinusoids) -> float:
    return evaluate_episodes(learner, episodes(family, 1), n_episodes=100).interval.mean


# %%
# Before deployment: small waves
with seeded(0):
    learner = MAML(mlp([1, 40, 40, 1], nn.Tanh), inner_rate=0.02, n_steps=3)
train(learner, episodes(SMALL, 0), n_steps=300, execution="vmap")
curves = {"large waves, new": [error(learner, LARGE)], "small waves, known": [error(learner, SMALL)]}
print("before:", {name: round(errors[0], 2) for name, errors in curves.items()})

# %%
# In use: large waves come, and now and then a small one
update = ContinualUpdate(
    learner,
    optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
    n_updates=2,
    held_out_every=8,
    tolerance=0.2,
    execution="loop",
)
draw, seen = generator(0, "met"), []
for number in range(N_MET):
    family = SMALL if number % 4 == 0 else LARGE
    x, y = family.sample(1, 20, draw)
    found = update.observe([TASK], Batch(inputs=x[0], targets={"y": y[0]}))
    seen.append(found.before)
    if number % 20 == 19:
        curves["large waves, new"].append(error(learner, LARGE))
        curves["small waves, known"].append(error(learner, SMALL))
after = {name: errors[-1] for name, errors in curves.items()}
print("after: ", {name: round(error, 2) for name, error in after.items()})
print(f"{update.n_undone} of {N_MET} updates were undone; {len(update.replay)} tasks are kept for replay")
axes = plt.figure(figsize=(6, 3.5), layout="constrained").subplots()
for (name, errors), color in zip(curves.items(), ("#c2453a", "#1f6fb2"), strict=True):
    axes.plot(range(0, N_MET + 1, 20), errors, "o-", label=name, color=color)
axes.set(xlabel="tasks met in use", ylabel="squared error on other tasks", ylim=0)
axes.legend(frameon=False)

# %%
# What this page claims, checked:
checks = {
    "the new kind is learned": after["large waves, new"] < 0.7 * curves["large waves, new"][0],
    "the old kind is not forgotten": after["small waves, known"] < 2 * curves["small waves, known"][0] + 0.3,
    "memory is bounded": len(update.replay) <= 500,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
