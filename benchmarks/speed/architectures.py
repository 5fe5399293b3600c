"""What an architecture costs: parameters, and milliseconds of a training step, beside hard sharing.

    python benchmarks/speed/architectures.py

Four regressions of the same 32 features, 256 rows a step, equal weights, Adam; two layers of 64 units
wherever an architecture lets one choose. The fastest of some steps on one thread: what else the machine does
slows some. Says nothing of how well they learn. Writes ``results/architectures.json``.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from polytask.architectures import (
    CGC,
    MTAN,
    PLE,
    BranchingTree,
    CrossStitch,
    DSelectK,
    FiLMSharing,
    HardSharing,
    LearnedBranching,
    LowRankAdapters,
    MMoE,
    MultiInputSharing,
    OwnInputSharing,
    Sluice,
    SoftSharing,
    SparseLowRankSharing,
    TraceNormSharing,
)
from polytask.core import Batch, Episode, SharedModel, Sharing, Task, generator, seeded

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "architectures.json"
N_FEATURES, WIDTH, N_ROWS, N_STEPS = 32, 64, 256, 40
NAMES = ("a", "b", "c", "d")


def layer(n_inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_inputs, WIDTH), nn.ReLU())


def first() -> nn.Sequential:
    return layer(N_FEATURES)


def second() -> nn.Sequential:
    return layer(WIDTH)


def trunk() -> nn.Sequential:
    return nn.Sequential(first(), second())


def half(n_inputs: int) -> nn.Module:
    """Half a layer: one of the two subspaces of Sluice."""
    return nn.Sequential(nn.Linear(n_inputs, WIDTH // 2), nn.ReLU())


ARCHITECTURES: dict[str, Callable[[], Sharing]] = {
    "hard": lambda: HardSharing(trunk()),
    "soft": lambda: SoftSharing(NAMES, trunk),
    "trace norm": lambda: TraceNormSharing(NAMES, trunk),
    "sparse + low rank": lambda: SparseLowRankSharing(NAMES, trunk, rank=4),
    "low-rank adapters": lambda: LowRankAdapters(NAMES, trunk(), rank=4),
    "multi-input": lambda: MultiInputSharing({name: first() for name in NAMES}, second()),
    "own input": lambda: OwnInputSharing(NAMES, first, second()),
    "cross-stitch": lambda: CrossStitch(NAMES, [first, second], channels=[WIDTH, WIDTH]),
    "Sluice": lambda: Sluice(NAMES, [lambda: half(N_FEATURES), lambda: half(WIDTH)]),
    "MMoE": lambda: MMoE(NAMES, trunk, 4, gate=N_FEATURES),
    "CGC": lambda: CGC(NAMES, trunk, gate=N_FEATURES),
    "PLE": lambda: PLE(NAMES, [first, second], gates=[N_FEATURES, WIDTH]),
    "DSelect-k": lambda: DSelectK(NAMES, trunk, 4, n_selected=2),
    "MTAN": lambda: MTAN(NAMES, [first(), second()], channels=[WIDTH, WIDTH], normalization="none"),
    "FiLM": lambda: FiLMSharing(NAMES, [first(), second()], channels=[WIDTH, WIDTH]),
    "branching": lambda: BranchingTree(NAMES, [first, second], groups=[[NAMES], [NAMES[:2], NAMES[2:]]]),
    "learned branching": lambda: LearnedBranching(NAMES, [first, second], n_candidates=[1, 2]),
}


def step_of(tasks: tuple[Task, ...]) -> list[Episode]:
    """Draw the rows, the same ones for all."""
    draw = generator(0, "rows")
    inputs = torch.randn(N_ROWS, N_FEATURES, generator=draw)
    targets = {task.name: torch.randn(N_ROWS, generator=draw) for task in tasks}
    return [Episode(tasks=tasks, query=Batch(inputs=inputs, targets=targets))]


def measure(build: Callable[[], Sharing]) -> dict[str, Any]:
    """Return the parameters of an architecture, its heads left out, and milliseconds of a training step."""
    tasks = tuple(Task(name=name, kind="regression") for name in NAMES)
    with seeded(0, "model"):
        architecture = build()
        learner = SharedModel(tasks, architecture, {name: nn.Linear(WIDTH, 1) for name in NAMES})
    episodes = step_of(tasks)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-3)
    times = []
    for _ in range(N_STEPS):
        start = time.perf_counter()
        optimizer.zero_grad()
        learner.objectives(episodes).total().backward()
        optimizer.step()
        times.append(1e3 * (time.perf_counter() - start))
    parameters = sum(parameter.numel() for parameter in architecture.parameters())
    return {"parameters": parameters, "ms": round(min(times), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for name, build in ARCHITECTURES.items():
        figures[name] = measure(build)
        figures[name]["over hard sharing"] = round(figures[name]["ms"] / figures["hard"]["ms"], 2)
        print(f"{name:20} {figures[name]}", flush=True)

    setting = {"tasks": len(NAMES), "features": N_FEATURES, "width": WIDTH, "rows": N_ROWS, "steps": N_STEPS}
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
