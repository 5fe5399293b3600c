"""How a balanced step grows with the number of tasks, parameters and rows, and how near it is to its floor.

    python benchmarks/speed/balancing_growth.py                  # five minutes
    python benchmarks/speed/balancing_growth.py --tasks 2 8 32

Steps of a network of three layers with a linear head for each task, on one thread: equal weights, and UPGrad
with the engine ``features``. One of tasks, width and rows grows, the others stay. Beside each time in
milliseconds of the processor (median of rounds, the ways in turn) stands its floor: the floating point
operations that torch counts in forward and backward pass, over those a second that a matrix product reaches
here, and the bytes of parameters and gradients read and written once, over those a second of a copy. The
exponent is that of the larger half of the sizes. Writes ``results/balancing_growth.json``.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from growth import fitted_exponent  # beside this file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, balancer_by_name
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "balancing_growth.json"
USUAL = {"tasks": 16, "width": 256, "rows": 128}
SIZES = {
    "tasks": [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    "width": [32, 64, 128, 256, 512, 1024],
    "rows": [16, 64, 256, 1024, 4096],
}
WAYS = ("equal", "upgrad")
N_FEATURES = 32


def seconds(act: Callable[[], object], *, repeats: int) -> float:
    begun = time.process_time()
    for _ in range(repeats):
        act()
    return (time.process_time() - begun) / repeats


def peaks() -> dict[str, float]:
    """Return the operations a second of a matrix product, and the bytes a second of a copy."""
    matrix, long = torch.rand(1024, 1024), torch.rand(2**24)
    target = torch.empty_like(long)
    product = min(seconds(lambda: matrix @ matrix, repeats=3) for _ in range(5))
    copy = min(seconds(lambda: target.copy_(long), repeats=3) for _ in range(5))
    return {"flops": 2 * 1024**3 / product, "bytes": 2 * 4 * len(long) / copy}


def steps(*, tasks: int, width: int, rows: int) -> tuple[dict[str, Callable[[], object]], SharedModel]:
    """Return a step of each way, and the model."""
    named = [Task(name=f"t{index}", kind="regression") for index in range(tasks)]
    with seeded(0, "model"):
        widths = [N_FEATURES, width, width, width]
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        heads = {task.name: nn.Linear(width, 1) for task in named}
        model = SharedModel(named, HardSharing(nn.Sequential(*layers)), heads)
    draw = generator(0, "rows")
    inputs = torch.randn(rows, N_FEATURES, generator=draw)
    targets = {task.name: torch.randn(rows, generator=draw) for task in named}
    episode = Episode(tasks=tuple(named), query=Batch(inputs=inputs, targets=targets))

    def step_of(way: str) -> Callable[[], object]:
        balancer = balancer_by_name(way, [task.name for task in named])
        backward = BalancedBackward(model, balancer, engine="features" if way == "upgrad" else "auto")

        def step() -> None:
            for parameter in model.parameters():
                parameter.grad = None
            backward(model.objectives([episode]))

        return step

    return {way: step_of(way) for way in WAYS}, model


def floor(step: Callable[[], object], model: nn.Module, reached: dict[str, float]) -> float:
    """Return the milliseconds below which no step of these operations and bytes can come."""
    with FlopCounterMode(display=False) as counter:
        step()
    moved = 3 * sum(p.numel() * p.element_size() for p in model.parameters())  # read twice, written once
    return 1e3 * max(counter.get_total_flops() / reached["flops"], moved / reached["bytes"])


def curve(growing: str, sizes: list[int], rounds: int, reached: dict[str, float]) -> dict[str, Any]:
    """Measure all sizes of one curve."""
    rows: dict[str, dict[str, float]] = {}
    for size in sizes:
        ways, model = steps(**{**USUAL, growing: size})
        for step in ways.values():
            step()  # the first one compares the engine with a plain backward pass
        repeats = max(1, int(0.02 / max(seconds(ways["equal"], repeats=1), 1e-4)))
        taken = [
            {
                way: seconds(step, repeats=repeats if way == "equal" or size < 256 else 1)
                for way, step in ways.items()
            }
            for _ in range(rounds)
        ]
        rows[str(size)] = {
            **{f"{way} ms": 1e3 * statistics.median(each[way] for each in taken) for way in ways},
            "equal floor ms": floor(ways["equal"], model, reached),
        }
        print(
            f"{growing:6}{size:6}",
            {name: round(value, 3) for name, value in rows[str(size)].items()},
            flush=True,
        )
    large = sizes[len(sizes) // 2 - 1 :] if len(sizes) > 2 else sizes
    exponents = {
        way: round(fitted_exponent(large, [rows[str(size)][f"{way} ms"] for size in large]), 2)
        for way in WAYS
    }
    print(f"{growing:6} exponents", exponents, flush=True)
    return {"sizes": rows, "exponent": exponents}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, sizes in SIZES.items():
        parser.add_argument(f"--{name}", type=int, nargs="+", default=sizes)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    reached = peaks()
    print({name: f"{value:.3g} a second" for name, value in reached.items()})
    figures = {name: curve(name, sorted(getattr(asked, name)), asked.rounds, reached) for name in SIZES}
    write_results(
        RESULTS,
        setting={"rounds": asked.rounds, "usual": USUAL, "a second": reached, "time": "of the process"},
        figures=figures,
        seed=0,
        split="none: time alone",
    )


if __name__ == "__main__":
    main()
