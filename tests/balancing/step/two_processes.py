"""Writes the gradients of balanced steps: once in one process, once in two, as torchrun starts them."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import nn

from polytask.architectures import HardSharing, SoftSharing
from polytask.balancing import BalancedBackward, Balancer, balancer_by_name, balancer_names
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.methods import PCGrad, UPGrad
from polytask.core import Batch, Episode, Learner, Objectives, SharedModel, Task, generator, seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.meta import mlp
from polytask.meta.initialization import MAML
from polytask.train.parts import part_of

NAMES = ["a", "b", "c"]
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def hard() -> Learner:
    trunk = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 8), nn.Tanh())
    return SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(8, 1) for name in NAMES}).double()


def tied() -> Learner:
    """Two tasks have one head."""
    trunk = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 8), nn.Tanh())
    both = nn.Linear(8, 1)
    return SharedModel(TASKS, HardSharing(trunk), {"a": both, "b": both, "c": nn.Linear(8, 1)}).double()


def soft() -> Learner:
    sharing = SoftSharing(NAMES, lambda: nn.Linear(12, 8), strength=0.1)
    return SharedModel(TASKS, sharing, {name: nn.Linear(8, 1) for name in NAMES}).double()


def maml() -> Learner:
    return MAML(mlp([1, 8, 1], nn.Tanh), n_steps=1).double()


def table(rank: int, size: int, step: int, half: int | None = None) -> list[Episode]:
    """One task has labels in the first half alone, and one has fewer than the others."""
    draw = generator(step, "batch")
    rows = torch.arange(10)
    data = Batch(
        inputs=torch.randn(10, 12, generator=draw, dtype=torch.float64),
        targets={name: torch.randn(10, generator=draw, dtype=torch.float64) for name in NAMES},
        masks={"b": rows < 4, "c": rows % 3 == 0},
    )
    whole = [Episode(tasks=TASKS, query=data)]
    return part_of(whole, rank, size, half=half)


def functions(rank: int, size: int, step: int, half: int | None = None) -> list[Episode]:
    source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=6, n_episodes=4, seed=0)
    episodes = [episode.to("cpu", torch.float64) for episode in source.step(step)]
    return part_of(episodes, rank, size, half=half)


Case = tuple[Callable[[], Learner], Callable[..., list[Episode]], Callable[[], Balancer], EngineName]
CASES: dict[str, Case] = {
    **{
        name: (hard, table, lambda name=name: balancer_by_name(name, NAMES), "auto")
        for name in balancer_names()
    },
    "upgrad-exact": (hard, table, UPGrad, "exact"),
    "upgrad-streamed": (hard, table, UPGrad, "streamed"),
    "upgrad-features": (hard, table, UPGrad, "features"),
    "tied": (tied, table, UPGrad, "auto"),
    "tied-features": (tied, table, UPGrad, "features"),
    "soft": (soft, table, UPGrad, "auto"),
    "maml-pcgrad": (maml, functions, PCGrad, "auto"),
}
SOME = {
    "equal",
    "famo",
    "gradnorm",
    "modo",
    "pcgrad",
    *(name for name in CASES if name not in balancer_names()),
}
"""A method of each way of working, and all that is not a method alone."""


def one_of_two(rank: int, told: dict[str, str], folder: Path) -> None:
    """Run some cases as one of two processes that torchrun has started."""
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "TORCHELASTIC_RUN_ID": "none"}
    os.environ.update(told, **{name: str(place) for name, place in places.items()})
    main(folder, "some")


def main(folder: Path, which: str) -> None:
    if distributed.is_torchelastic_launched():
        distributed.init_process_group("gloo")
    together = distributed.is_initialized()
    rank, size = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)
    cases = {name: case for name, case in CASES.items() if which == "all" or name in SOME}
    for name, (build, episodes, balancer, engine) in cases.items():
        with seeded(0, "model"):
            learner = build()
        method = balancer().double()
        backward = BalancedBackward(learner, method, engine=engine)
        for step in range(2):  # the second looks at what the method has kept

            def objectives(*wanted: int | None, at: int = step) -> Objectives:
                return learner.objectives(episodes(rank, size, at, *wanted))  # noqa: B023 - called at once

            with seeded(step, "balance"):
                balance = backward(
                    objectives(),
                    halves=lambda: (objectives(0), objectives(1)),
                    validation=lambda: objectives(at=7),
                )
            if method.looks_after:
                method.after_step(tuple(balance.losses), backward.whole(objectives()).losses() * 0.9)
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
    main(Path(sys.argv[1]), sys.argv[2])
