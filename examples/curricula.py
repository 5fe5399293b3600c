"""Curricula: whose turn is it?
============================

Three tasks share a network, and a step has room for one of them. The first is learned at once, the second
takes long, the third is noise that nobody can learn. A curriculum looks at the losses to say whose turn
is next. One that goes by what is left to learn leaves the easy task alone, and falls for the noise, of
which all is left; one that goes by progress does not. Equal turns are hard to beat here, as so often.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask import Batch, SharedModel, Task
from polytask.architectures import HardSharing
from polytask.core import generator, seeded
from polytask.data import JointSource, Source, TaskSampling
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.progress_curriculum import ProgressCurriculum
from polytask.data.steps.source_curriculum import SourceCurriculum
from polytask.evaluate import evaluate
from polytask.train import train

torch.set_num_threads(1)
NAMES, N_STEPS = ("easy", "hard", "noise"), 500
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def rows(n: int, purpose: str) -> dict[str, Batch]:
    draw = generator(0, purpose)
    x = 2 * torch.rand(n, 2, generator=draw) - 1
    answers = {
        "easy": x[:, 0],
        "hard": torch.sin(3 * x[:, 0]) * torch.cos(2 * x[:, 1]),
        "noise": torch.randn(n, generator=draw),
    }
    return {name: Batch(inputs=x, targets={name: y}) for name, y in answers.items()}


def sources() -> dict[str, Source]:
    data = rows(1000, "train")
    return {task.name: JointSource([task], data[task.name], batch_size=64, seed=0) for task in TASKS}


def run(steps: TaskSampling | SourceCurriculum) -> tuple[float, list[list[float]]]:
    """Train on these steps; return the error of the hard task and the chances of all tasks on the way."""
    with seeded(0):
        trunk = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        net = SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(64, 1) for name in NAMES})
    chances = []

    def note(*_: object) -> float:  # asked for the rate of every step, it looks at the curriculum
        chances.append([steps.inclusion[name] for name in NAMES])
        return 1.0

    train(net, steps, n_steps=N_STEPS, schedule=note, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))
    return evaluate(net.adapt(TASKS[1:2]), rows(2000, "test")["hard"])["hard"]["rmse"], chances


# %%
# Three ways to give turns
runs = {
    "equal turns": run(TaskSampling(sources(), scheme="uniform")),
    "by what is left to learn": run(LossCurriculum(sources(), temperature=0.3)),
    "by progress": run(ProgressCurriculum(sources(), rate=0.02)),
}
panels = plt.figure(figsize=(10, 3), layout="constrained").subplots(1, 3, sharey=True)
for axes, (name, (rmse, chances)) in zip(panels, runs.items(), strict=True):
    axes.stackplot(range(len(chances)), *zip(*chances, strict=True), labels=NAMES, alpha=0.7)
    axes.set(title=f"{name}: RMSE of hard {rmse:.2f}", xlabel="step", xlim=(0, N_STEPS), ylim=(0, 1))
    print(
        f"{name:26s} RMSE of the hard task {rmse:.3f}, chances at the end", [f"{c:.2f}" for c in chances[-1]]
    )
panels[0].set_ylabel("chance of a turn")
panels[0].legend(frameon=False, loc="lower left")

# %%
# What this page claims, checked:
last = {name: dict(zip(NAMES, chances[-1], strict=True)) for name, (_, chances) in runs.items()}
left, progress = last["by what is left to learn"], last["by progress"]
checks = {
    "what is left: the hard task gets more turns than the easy one": left["hard"] > left["easy"],
    "but noise, of which all is left, gets the most": left["noise"] == max(left.values()),
    "progress is not taken in by noise": progress["noise"] < left["noise"],
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
