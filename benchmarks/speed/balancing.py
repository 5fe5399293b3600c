"""Time and memory of a balanced step over the plain summed-loss step, with other ways in the same run.

Run: ``python benchmarks/speed/balancing.py`` (about a quarter of an hour on 2 cores). UPGrad everywhere.
Every cell is measured in several processes, the ways in turn, so that what disturbs the machine for a while
falls on all of them; medians over processes. Adds to ``results/balancing.json``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torchjd.aggregation import UPGrad as TorchJDUPGrad
from torchjd.aggregation import UPGradWeighting
from torchjd.autogram import Engine as Autogram
from torchjd.autojac import jac_to_grad, mtl_backward

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "balancing.json"
OURS: tuple[EngineName, ...] = ("features", "exact", "loop", "streamed")
WAYS = ("sum", *OURS, "LibMTL-like loop", "TorchJD autojac", "TorchJD autogram")


def mlp() -> nn.Module:
    widths = [256, 512, 512, 512, 512]
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers)


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(256, 128), nn.ReLU(),
    )  # fmt: skip


TRUNKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp": (mlp, (64, 256), 512),
    "cnn": (cnn, (32, 3, 32, 32), 128),
}


def trunk_of(learner: SharedModel) -> nn.Module:
    assert isinstance(learner.sharing, HardSharing)
    return learner.sharing.trunk


def build(trunk: str, n_tasks: int, n_rows: int | None = None) -> tuple[SharedModel, list[Episode]]:
    make, shape, width = TRUNKS[trunk]
    shape = (n_rows or shape[0], *shape[1:])
    tasks = tuple(Task(name=f"t{index}", kind="regression") for index in range(n_tasks))
    with seeded(0, "model"):
        learner = SharedModel(tasks, HardSharing(make()), {task.name: nn.Linear(width, 1) for task in tasks})
    draw = generator(0, "data")
    batch = Batch(
        inputs=torch.randn(shape, generator=draw),
        targets={task.name: torch.randn(shape[0], generator=draw) for task in tasks},
    )
    return learner, [Episode(tasks=tasks, query=batch)]


def step_of(way: str, learner: SharedModel, episodes: list[Episode]) -> Callable[[], None]:
    for engine_name in OURS:
        if way == engine_name:
            backward = BalancedBackward(learner, UPGrad(), engine=engine_name)
            return lambda: void(backward(learner.objectives(episodes)))
    if way == "sum":
        return lambda: learner.objectives(episodes).values.sum().backward()
    shared = list(learner.sharing.parameters())
    if way == "LibMTL-like loop":
        return lambda: loop(learner, shared, episodes)
    query, tasks = episodes[0].query, episodes[0].tasks

    def losses(features: Tensor) -> list[Tensor]:
        return [t.objective(learner.heads[t.name](features), query.targets[t.name]) for t in tasks]

    if way == "TorchJD autojac":
        aggregator = TorchJDUPGrad()

        def autojac() -> None:
            features = trunk_of(learner)(query.inputs)
            mtl_backward(losses(features), features=features)
            jac_to_grad(shared, aggregator)

        return autojac
    engine, weighting = Autogram(trunk_of(learner), batch_dim=None), UPGradWeighting()

    def autogram() -> None:
        values = torch.stack(losses(trunk_of(learner)(query.inputs)))
        values.backward(weighting(engine.compute_gramian(values)))

    return autogram


def loop(learner: SharedModel, shared: list[nn.Parameter], episodes: list[Episode]) -> None:
    """A full backward pass a task, its gradient copied into a matrix: what the common libraries do."""
    values = learner.objectives(episodes).values
    rows = torch.zeros(len(values), sum(parameter.numel() for parameter in shared))
    for row, value in zip(rows, values):
        for parameter in shared:
            parameter.grad = None
        value.backward(retain_graph=True)
        torch.cat([p.grad.reshape(-1) for p in shared if p.grad is not None], out=row)
    combined = UPGradWeighting()(rows @ rows.T) @ rows
    for parameter, piece in zip(shared, combined.split([p.numel() for p in shared])):
        parameter.grad = piece.view_as(parameter)


def void(_: object) -> None:
    pass


def measure(trunk: str, n_tasks: int, way: str, repeats: int) -> dict[str, float]:
    """Return milliseconds (median) of a step, and the peak memory over that of the built model, in MiB."""
    torch.set_num_threads(1)
    # Two tasks and rows load the code that the way uses, which is not to be counted.
    step_of(way, *build(trunk, 2, n_rows=2))()
    learner, episodes = build(trunk, n_tasks)
    step = step_of(way, learner, episodes)
    before = resident()
    times = []
    for _ in range(repeats + 1):
        learner.zero_grad(set_to_none=True)
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    return {"ms": statistics.median(times[1:]), "best": min(times[1:]), "mib": (peak() - before) / 2**10}


def resident() -> int:
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    """Return a figure of the process in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="steps of a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes of a cell")
    parser.add_argument("--tasks", type=int, nargs="+", default=[5, 10, 40])
    parser.add_argument("--trunks", nargs="+", choices=list(TRUNKS), default=list(TRUNKS))
    parser.add_argument("--one", nargs=3, metavar=("TRUNK", "TASKS", "WAY"), help="measure one cell")
    arguments = parser.parse_args()
    if arguments.one:
        trunk, n_tasks, way = arguments.one
        print(json.dumps(measure(trunk, int(n_tasks), way, arguments.repeats)))
        return
    table = {}
    print(f"{'trunk':6}{'tasks':>6}  {'way':18}{'ms':>9}{'/ sum':>8}{'MiB':>8}{'/ loop':>8}")
    for trunk in arguments.trunks:
        for n_tasks in arguments.tasks:
            # A process for each: peak memory cannot be reset inside one.
            rounds = [
                {way: cell(trunk, n_tasks, way, arguments.repeats) for way in WAYS}
                for _ in range(arguments.rounds)
            ]
            cells = {way: summed_up([each[way] for each in rounds]) for way in WAYS}
            table[f"{trunk}, {n_tasks} tasks"] = cells
            for way, found in cells.items():
                ratio = found["ms"] / cells["sum"]["ms"]
                memory = found["mib"] / cells["LibMTL-like loop"]["mib"]
                print(
                    f"{trunk:6}{n_tasks:6}  {way:18}{found['ms']:9.1f}{ratio:8.2f}"
                    f"{found['mib']:8.0f}{memory:8.2f}",
                    flush=True,
                )
    known = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    setting = {"rounds": arguments.rounds, "repeats": arguments.repeats}
    write_results(
        RESULTS,
        setting=setting,
        figures={**known, **table},
        seed=0,
        split="none: time alone",
        packages=["torchjd"],
        threads=1,
    )


def summed_up(found: list[dict[str, float]]) -> dict[str, float]:
    """Return medians over processes, and the best step of all."""
    medians = {key: statistics.median(each[key] for each in found) for key in ("ms", "mib")}
    return {**medians, "best": min(each["best"] for each in found)}


def cell(trunk: str, n_tasks: int, way: str, repeats: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--repeats", str(repeats), "--one", trunk, str(n_tasks), way]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
