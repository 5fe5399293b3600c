"""Trains, in as many processes as asked; one of them may be lost on the way.

Usage: ``joint_run.py FOLDER N_DEVICES N_STEPS [STEP_AT_WHICH_THE_SECOND_PROCESS_IS_LOST [BEFORE]]``: with
BEFORE, a first training ends after so many steps, and a second one in the same processes resumes from it.
With ``NODES`` in the environment, ``torchrun`` has started it on so many machines; with ``OWN_DISKS``, each
of them has a folder of its own.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from polytask.architectures import HardSharing, table_trunk
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded
from polytask.data import JointSource
from polytask.train import train

TASKS = [Task(name=name, kind="regression") for name in "ab"]


def one_of_two(rank: int, said: Path, variables: dict[str, str], folder: Path, *arguments: int) -> None:
    """Run as one of two processes that torchrun has started, to which it tells their places by variables."""
    told = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": "none"}
    if "NODES" in variables:
        told |= {"LOCAL_RANK": 0, "GROUP_RANK": rank}
    place = folder / str(rank) if "OWN_DISKS" in variables else folder
    forked(said, {name: str(value) for name, value in told.items()} | variables, (), place, *arguments)


def forked(said: Path, variables: dict[str, str], command: tuple[str, ...], *arguments: Any) -> None:
    """Run in a forked process, which has what a new one needs seconds to import; what it says is written.

    Fabric starts its other processes by the command.
    """
    file = os.open(said, os.O_CREAT | os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(variables)
    sys.argv[:] = command or sys.argv
    main(*arguments)


class Losing(JointSource):
    """A source at which the second process ends without a word, as if it had been killed."""

    lost_at = -1

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        if index == self.lost_at and os.environ.get("LOCAL_RANK") == "1":
            os._exit(1)
        return super().step(index)


def main(folder: Path, devices: int, n_steps: int, lost_at: int = -1, before: int = 0) -> None:
    torch.set_num_threads(1)
    inputs = torch.randn(200, 6, generator=generator(0, "inputs"), dtype=torch.float64)
    data = Batch(
        inputs=inputs,
        targets={"a": inputs[:, 0] * inputs[:, 1], "b": inputs.sum(1)},
        masks={"b": torch.arange(200) % 3 > 0},
    )
    with seeded(0, "model"):
        heads = {task.name: nn.Linear(16, 1) for task in TASKS}
        model = SharedModel(TASKS, HardSharing(table_trunk(6, [16, 16])), heads).double()
    source = Losing(TASKS, data, batch_size=40, seed=0)
    source.lost_at = lost_at
    for end in (before, n_steps) if before else (n_steps,):
        train(
            model, source, n_steps=end, validate_every=10, balancer=UPGrad(), devices=devices,
            precision="64-true", directory=folder, resume=True, nodes=int(os.environ.get("NODES", "1")),
        )  # fmt: skip
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0":
        torch.save(torch.cat([p.detach().reshape(-1) for p in model.parameters()]), folder / "weights.pt")


if __name__ == "__main__":
    own = os.environ["RANK"] if "OWN_DISKS" in os.environ else ""
    main(Path(sys.argv[1]) / own, *map(int, sys.argv[2:]))
