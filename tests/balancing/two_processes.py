"""Writes the gradients of balanced steps: run once as it is, and once by torchrun with two processes."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import nn
from torchjd.aggregation import GradDrop, PCGradWeighting

from polytask.balancing import (
    Aggregated,
    BalancedBackward,
    Balancer,
    EqualWeights,
    GramianWeighted,
    UncertaintyWeighting,
    UPGrad,
)
from polytask.core import Batch, Episode, Learner, SharedModel, Task, generator, seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.meta import MAML, mlp
from polytask.sharing import HardSharing, SoftSharing

NAMES = ["a", "b", "c"]
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def hard() -> Learner:
    trunk = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 8), nn.Tanh())
    return SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(8, 1) for name in NAMES}).double()


def soft() -> Learner:
    sharing = SoftSharing(NAMES, lambda: nn.Linear(12, 8), strength=0.1)
    return SharedModel(TASKS, sharing, {name: nn.Linear(8, 1) for name in NAMES}).double()


def maml() -> Learner:
    return MAML(mlp([1, 8, 1], nn.Tanh), n_steps=1, execution="loop").double()


def table(rank: int, size: int) -> list[Episode]:
    """One task has labels in the first half alone, and one has fewer than the others."""
    draw = generator(0, "batch")
    rows = torch.arange(10)
    data = Batch(
        inputs=torch.randn(10, 12, generator=draw, dtype=torch.float64),
        targets={name: torch.randn(10, generator=draw, dtype=torch.float64) for name in NAMES},
        masks={"b": rows < 4, "c": rows % 3 == 0},
    )
    return [Episode(tasks=TASKS, query=data.rows(rows.chunk(size)[rank]))]


def functions(rank: int, size: int) -> list[Episode]:
    source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=6, n_episodes=4, seed=0)
    episodes = [episode.to("cpu", torch.float64) for episode in source.step(0)]

    return episodes[rank * 4 // size : (rank + 1) * 4 // size]


Case = tuple[Callable[[], Learner], Callable[[int, int], list[Episode]], Callable[[], Balancer], str]
CASES: dict[str, Case] = {
    "equal": (hard, table, EqualWeights, "auto"),
    "uncertainty": (hard, table, lambda: UncertaintyWeighting(NAMES), "auto"),
    "upgrad": (hard, table, UPGrad, "auto"),
    "upgrad-exact": (hard, table, UPGrad, "exact"),
    "upgrad-streamed": (hard, table, UPGrad, "streamed"),
    "upgrad-features": (hard, table, UPGrad, "features"),
    "pcgrad": (hard, table, lambda: GramianWeighted(PCGradWeighting(), mean=False), "loop"),
    "graddrop": (hard, table, lambda: Aggregated(GradDrop(), mean=False), "auto"),
    "soft": (soft, table, UPGrad, "auto"),
    "maml-pcgrad": (maml, functions, lambda: GramianWeighted(PCGradWeighting(), mean=False), "auto"),
}


def main(folder: Path) -> None:
    if distributed.is_torchelastic_launched():
        distributed.init_process_group("gloo")
    together = distributed.is_initialized()
    rank, size = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)
    for name, (build, episodes, balancer, engine) in CASES.items():
        with seeded(0, "model"):
            learner = build()
        method = balancer().double()
        step = BalancedBackward(learner, method, engine=engine)
        objectives = learner.objectives(episodes(rank, size))
        with seeded(0, "balance"):
            step(objectives)
        found = {
            key: parameter.grad
            for module in (learner, method)
            for key, parameter in module.named_parameters()
            if parameter.grad is not None
        }
        torch.save(found, folder / f"{name}-{rank}-of-{size}.pt")
    if together:
        distributed.barrier()
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
