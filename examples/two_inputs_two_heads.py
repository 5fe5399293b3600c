"""Two inputs, two heads
=====================

The classical multi-task net: two private first layers, one shared body, two softmax heads. Task "left"
and task "right" each have inputs of 100 features of their own and 10 classes. Both see the same ten
hidden prototypes, through different random views; labels are few, so a shared 64-unit body may help.
Whether it does is measured against two separate nets of the same shape; the page prints what comes out.
"""

import argparse
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask import Batch, Episode, PerTask, SharedModel, Sharing, Task
from polytask.balancing import Balancer
from polytask.balancing.methods import EqualWeights, UPGrad
from polytask.core import (
    Representation,
    generator,
    jacobian,
    mean_interval,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.core.batch import Inputs
from polytask.data import Source
from polytask.evaluate import delta_m, evaluate
from polytask.train import train

torch.set_num_threads(1)
TASKS = tuple(Task(name=name, kind="multiclass", n_outputs=10) for name in ("left", "right"))
FEATURES, LATENT, LABELS = 100, 12, 40
parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--steps", type=int, default=300, help="training steps of a net")
options = parser.parse_args()
SEEDS = range(options.seeds)


class OwnFirstLayers(Sharing):
    """A private first layer for each task's own inputs, then a body that both share."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.first = PerTask({name: nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU()) for name in names})
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        if isinstance(inputs, torch.Tensor):
            raise TypeError("give the inputs by task name: {'left': ..., 'right': ...}")
        return Representation(by_task={name: self.body(self.first[name](inputs[name])) for name in names})


def net(tasks: Sequence[Task], seed: int) -> SharedModel:
    with seeded(seed, "net"):
        names = [task.name for task in tasks]
        return SharedModel(tasks, OwnFirstLayers(names), {name: nn.Linear(64, 10) for name in names})


def data(seed: int, n: int, purpose: str) -> dict[str, Batch]:
    """Draw examples of both tasks; the prototypes and the two views belong to the seed."""
    world, draw = generator(seed, "world"), generator(seed, purpose)
    prototypes = torch.randn(10, LATENT, generator=world)
    batches = {}
    for task in TASKS:
        view = torch.randn(LATENT, FEATURES, generator=world) / LATENT**0.5
        classes = torch.randint(10, (n,), generator=draw)
        latent = prototypes[classes] + 0.8 * torch.randn(n, LATENT, generator=draw)
        x = torch.tanh(latent @ view) + 0.3 * torch.randn(n, FEATURES, generator=draw)
        batches[task.name] = Batch(inputs={task.name: x}, targets={task.name: classes})
    return batches


class OwnInputs(Source):
    """A step asks each task about a batch of its own inputs: one episode per task."""

    def __init__(self, tasks: Sequence[Task], batches: dict[str, Batch], seed: int) -> None:
        self.tasks, self.batches, self.seed = tasks, batches, seed

    def step(self, index: int) -> tuple[Episode, ...]:
        rows = torch.randperm(LABELS, generator=generator(self.seed, "step", index))[:32]
        return tuple(Episode(tasks=(task,), query=self.batches[task.name].rows(rows)) for task in self.tasks)


def measured(tasks: Sequence[Task], seed: int, balancer: Balancer) -> dict[str, dict[str, float]]:
    """Train a net of these tasks and judge it on new examples."""
    learner = net(tasks, seed)
    source = OwnInputs(tasks, data(seed, LABELS, "train"), seed)
    train(learner, source, n_steps=options.steps, balancer=balancer, seed=seed)
    new = data(seed, 1000, "test")
    metrics = {}
    for task in tasks:
        metrics |= evaluate(learner.adapt([task]), new[task.name])
    return metrics


def separate(seed: int) -> dict[str, dict[str, float]]:
    """Train one net per task."""
    left, right = (measured([task], seed, EqualWeights()) for task in TASKS)
    return left | right


# A task's gradient stays out of the other's first layer, although that layer stands before the shared body.
both = net(TASKS, seed=0)
few = data(0, 8, "train")
objectives = both.objectives([Episode(tasks=(task,), query=few[task.name]) for task in TASKS])
private = private_parameters(both)["right"]
leaked = torch.autograd.grad(objectives.values[0], private, retain_graph=True, allow_unused=True)
own = torch.autograd.grad(objectives.values[1], private, retain_graph=True, allow_unused=True)
of_body = jacobian(objectives.values, shared_parameters(both))  # [task, parameter]
n_private = sum(parameter.numel() for parameter in private)
cosine = torch.cosine_similarity(of_body[0], of_body[1], dim=0)
print(f"the body's {of_body.shape[1]} weights are shared; {n_private} more are private to each task")
print(f"the two tasks' gradients of the body have a cosine of {cosine:+.2f} before training")

runs = {
    "separate": [separate(seed) for seed in SEEDS],
    "joint, equal weights": [measured(TASKS, seed, EqualWeights()) for seed in SEEDS],
    "joint, UPGrad": [measured(TASKS, seed, UPGrad()) for seed in SEEDS],
}
print(f"accuracy in %, {LABELS} labels a task, mean and 95 % interval over {len(SEEDS)} seeds")
axes = plt.figure(figsize=(6, 3), layout="constrained").subplots()
axes.set(ylabel="accuracy", title=f"new examples, {LABELS} labels a task, a dot a seed and task")
for name, found in runs.items():
    axes.plot([name], [[run[task.name]["accuracy"] for run in found for task in TASKS]], "o", alpha=0.6)
    figures = {task.name: mean_interval([run[task.name]["accuracy"] for run in found]) for task in TASKS}
    print(f"{name:20s}", *(f"  {task} {figure.format(1, scale=100)}" for task, figure in figures.items()))
for name in ("joint, equal weights", "joint, UPGrad"):
    pairs = zip(runs[name], runs["separate"], strict=True)  # of the same seed: same data
    gained = mean_interval([delta_m(TASKS, joint, alone) for joint, alone in pairs])
    verdict = "helps" if gained.low > 0 else "hurts" if gained.high < 0 else "makes no clear difference"
    print(f"Δm of {name}: {gained.format(1)} %, so sharing the body {verdict} here")

checks = {
    "no gradient of left in right's private layers": all(g is None or not g.any() for g in leaked),
    "right's own gradient is there": all(g is not None and g.any() for g in own),
    "both tasks reach the shared body": bool(of_body.any(1).all()),
    "every run is far above chance (10 %)": all(
        run[task.name]["accuracy"] > 0.5 for found in runs.values() for run in found for task in TASKS
    ),
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
