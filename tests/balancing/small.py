"""A learner of three tasks that conflict, and what a step leaves in it."""

import torch
from torch import nn
from torchjd.linalg import QuadprogProjector

from polytask.architectures import HardSharing
from polytask.core import Batch, Episode, SharedModel, Task

EXACT = QuadprogProjector(reg_eps=1e-11)


TASKS = [Task(name=name, kind="regression") for name in "abc"]


def learner(seed: int = 0) -> SharedModel:
    torch.manual_seed(seed)
    trunk = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
    return SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(5, 1) for task in TASKS}).double()


def episodes() -> list[Episode]:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(16, 4, generator=draw, dtype=torch.float64)
    targets = {"a": x[:, 0], "b": -x[:, 0] + x[:, 1], "c": 5 * x[:, 2]}
    return [Episode(tasks=tuple(TASKS), query=Batch(inputs=x, targets=targets))]


def gradients(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.reshape(-1) for p in module.parameters()])
