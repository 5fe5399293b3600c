"""What a balanced step sends between processes, in bytes and in time, and what that is on many machines.

    python benchmarks/speed/communication.py            # some minutes on two cores
    python benchmarks/speed/communication.py --tasks 8  # other numbers of tasks

Two processes on one machine share every step of a joint network (gloo, loopback). Counted is what goes into
`Processes.sum` (tensors) and `Processes.gather` (losses and label counts, pickled), by a step after the first
one, which also compares the engine with a backward pass. The time of an all-reduce of the same bytes is
measured on the same two processes. Writes ``results/communication.json``; docs/several-machines.md plans with
these bytes.
"""

import argparse
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from polytask.architectures import HardSharing, table_trunk
from polytask.balancing import BalancedBackward, balancer_by_name
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.step.processes import Processes
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded, shared_parameters

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "communication.json"
N_INPUTS, WIDTH, N_ROWS, N_STEPS, N_REDUCTIONS = 32, 512, 64, 3, 20

WAYS: dict[str, tuple[str, EngineName]] = {
    "equal weights": ("equal", "auto"),
    "weights from losses (DWA)": ("dwa", "auto"),
    "weights from the Gramian at the features (UPGrad)": ("upgrad", "features"),
    "weights from the last layer's Gramian (UPGrad)": ("upgrad", "last-layer"),
    "weights from the exact Gramian (UPGrad)": ("upgrad", "exact"),
    "gradients of all tasks (PCGrad)": ("pcgrad", "auto"),
}


@contextmanager
def counted_bytes() -> Iterator[dict[str, int]]:
    """Count the bytes that each process puts into sums and into gathered values."""
    sent = {"summed": 0, "gathered": 0}
    sum_, gather = Processes.sum, Processes.gather

    def counting_sum(self: Processes, tensor: Tensor) -> Tensor:
        sent["summed"] += tensor.numel() * tensor.element_size()
        return sum_(self, tensor)

    def counting_gather(self: Processes, value: Any) -> list[Any]:
        sent["gathered"] += len(pickle.dumps(value))
        return gather(self, value)

    Processes.sum, Processes.gather = counting_sum, counting_gather
    try:
        yield sent
    finally:
        Processes.sum, Processes.gather = sum_, gather


def model(tasks: list[Task]) -> SharedModel:
    with seeded(0, "model"):
        trunk = table_trunk(N_INPUTS, [WIDTH, WIDTH, WIDTH])
        return SharedModel(tasks, HardSharing(trunk), {task.name: nn.Linear(WIDTH, 1) for task in tasks})


def episode(tasks: list[Task], step: int, rank: int) -> list[Episode]:
    draw = generator(step * 2 + rank, "rows")
    inputs = torch.randn(N_ROWS, N_INPUTS, generator=draw)
    targets = {task.name: torch.randn(N_ROWS, generator=draw) for task in tasks}
    return [Episode(tasks=tuple(tasks), query=Batch(inputs=inputs, targets=targets))]


def reduction_ms(size: int) -> float:
    """Return the milliseconds of an all-reduce of so many bytes, the median of several."""
    tensor = torch.ones(max(size // 4, 1))
    seconds = []
    for _ in range(N_REDUCTIONS):
        distributed.barrier()
        begun = time.perf_counter()
        distributed.all_reduce(tensor)
        seconds.append(time.perf_counter() - begun)
    return 1000 * statistics.median(seconds)


def measured(n_tasks: int, rank: int) -> dict[str, Any]:
    names = [f"t{index}" for index in range(n_tasks)]
    tasks = [Task(name=name, kind="regression") for name in names]
    ways: dict[str, Any] = {}
    for way, (name, engine) in WAYS.items():
        learner = model(tasks)
        backward = BalancedBackward(learner, balancer_by_name(name, names), engine=engine)
        for step in range(N_STEPS):
            learner.zero_grad(set_to_none=True)
            with counted_bytes() as sent:
                backward(learner.objectives(episode(tasks, step, rank)))
            ways[way] = sent
        backward.close()
        ways[way]["reduction_ms"] = round(reduction_ms(ways[way]["summed"]), 3)
    shared = sum(parameter.numel() for parameter in shared_parameters(model(tasks)))
    everything = sum(parameter.numel() for parameter in model(tasks).parameters())
    return {"shared_parameters": shared, "parameters": everything, "ways": ways}


def process(rank: int, meeting: str, n_tasks: list[int], target: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    figures = {f"{count} tasks": measured(count, rank) for count in n_tasks}
    if rank == 0:
        torch.save(figures, target)
    distributed.barrier()
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, nargs="+", default=[2, 10, 40])
    n_tasks = parser.parse_args().tasks
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "figures.pt")
        spawn(process, (str(Path(folder) / "meeting"), n_tasks, target), nprocs=2)
        figures = torch.load(target)
    for name, cell in figures.items():
        print(f"\n{name}, {cell['shared_parameters']:,} shared parameters of {cell['parameters']:,}")
        for way, sent in cell["ways"].items():
            print(
                f"  {way:50} {sent['summed'] / 1e6:9.3f} MB summed, {sent['gathered'] / 1e3:6.2f} kB "
                f"gathered, {sent['reduction_ms']:8.2f} ms"
            )
    setting = {
        "network": f"{N_INPUTS} inputs, three layers of {WIDTH}, one output a task",
        "rows": N_ROWS, "processes": 2, "backend": "gloo, loopback",
    }  # fmt: skip
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: bytes and time", threads=1)


if __name__ == "__main__":
    main()
