"""What balancing sees
===================

Two tasks pull apart: how their gradients are balanced, by which engine, and what a run writes down. One
unit is shared by y1 = f(x) and y2 = g(x) - f(x), too little for both, so that the gradients conflict.
UPGrad takes a step that makes neither task worse. It needs the Gramian of the gradients, which several
engines compute: exact ones all alike; by features, or by the last layer alone, in their stead. A run
keeps its figures as rows, which `training_plot` draws, and goes on where it was stopped.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask import Batch, Episode, SharedModel, Task
from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.methods import EqualWeights, UPGrad
from polytask.core import TrainingError, generator, seeded, shared_parameters
from polytask.data import JointSource, Source
from polytask.report import training_plot
from polytask.train import Training, train

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, default=Path("training.png"), help="the picture")
parser.add_argument("--folder", type=Path, default=Path("run"), help="of the run that is stopped")
options = parser.parse_args()
TASKS = (Task(name="first", kind="regression"), Task(name="second", kind="regression"))


def rows(n: int, purpose: str) -> Batch:
    draw = generator(0, purpose)
    x = torch.randn(n, 6, generator=draw)
    first = x[:, 0] + x[:, 1] * x[:, 2]
    return Batch(inputs=x, targets={"first": first, "second": x[:, 3] - first})


def net() -> SharedModel:
    with seeded(0):
        trunk = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(1, 1) for task in TASKS})


data = rows(256, "train")
source = JointSource(TASKS, data, batch_size=64, seed=0)

# %%
# A run, whole and in two parts
# -----------------------------
whole, parts, accumulated = net(), net(), net()
common: dict[str, Any] = {"balancer": UPGrad(), "optimizer": partial(torch.optim.Adam, lr=0.02)}
training = train(whole, source, n_steps=60, validate_every=5, **common)
halves = {**common, "validate_every": 5, "directory": options.folder}
train(parts, source, n_steps=30, **halves)
resumed = train(parts, source, n_steps=60, resume=True, **halves)
train(accumulated, source, n_steps=60, accumulate=4, **common)
training_plot(training.rows, options.output)
print(f"picture written to {options.output}")
plt.figure(figsize=(9, 4.5)).subplots().imshow(plt.imread(options.output))
plt.axis("off")

# %%
# Engines, where the run has ended
# --------------------------------
step = [Episode(tasks=TASKS, query=data)]
gradients: dict[str, torch.Tensor] = {}
for engine in ("auto", "exact", "loop", "streamed", "features", "last-layer"):
    whole.zero_grad()
    balance = BalancedBackward(whole, UPGrad(), engine=engine)(whole.objectives(step))
    gradients[engine] = torch.cat([p.grad.flatten() for p in shared_parameters(whole) if p.grad is not None])
    weights = ", ".join(f"{name} {weight:.3f}" for name, weight in balance.weights.items())
    print(f"{engine:11s} weights {weights}; gradient of length {gradients[engine].norm():.4f}")


# %%
# A label that is damaged
# -----------------------
class Damaged(Source):
    """The same steps, of which each tenth has a label beyond all bounds."""

    def step(self, index: int) -> tuple[Episode, ...]:
        (episode,) = source.step(index)
        if index % 10 != 9:
            return (episode,)
        targets = {**episode.query.targets, "second": 1e30 * episode.query.targets["second"]}
        return (Episode(tasks=TASKS, query=Batch(inputs=episode.query.inputs, targets=targets)),)


def stopped(learner: SharedModel) -> str:
    try:
        train(learner, Damaged(), n_steps=20, balancer=UPGrad())
    except TrainingError as error:
        return str(error)
    return ""


error = stopped(net())
print(f"with damaged labels training stops: {error}")
skipping: Training = train(net(), Damaged(), n_steps=20, balancer=EqualWeights(), not_finite="skip")


def alike(one: nn.Module, other: nn.Module, tolerance: float = 0.0) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


# %%
# What this page claims, checked:
exact = gradients["exact"]
last, first = training.rows[-1], training.rows[0]
checks = {
    "the tasks pull apart": any(row["conflict"] > 0 for row in training.rows),
    "the exact engines give one gradient": all(
        torch.allclose(gradients[name], exact, atol=1e-5) for name in ("auto", "loop", "streamed")
    ),
    "both losses fall": all(last[f"loss/{task.name}"] < first[f"loss/{task.name}"] for task in TASKS),
    "a run in two parts is the run": alike(whole, parts) and resumed.n_steps == 60,
    "a step in four parts is the step": alike(whole, accumulated, 1e-2),
    "a damaged label stops a run, and is named": "second" in error,
    "or its steps are skipped": skipping.skipped == 2,
    "the picture is there": options.output.stat().st_size > 1000,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
