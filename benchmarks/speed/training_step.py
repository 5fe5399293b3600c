"""What `train` adds to a small training step: its time beside a plain PyTorch loop over the same steps.

    python benchmarks/speed/training_step.py                    # a minute
    python benchmarks/speed/training_step.py --hidden 32 1024   # wider layers, where less is left of it

A regression and a binary task of the same 8 features, one hidden layer, 64 rows a step, equal weights, Adam.
"at hand": the steps lie ready. "drawn": rows of a table are drawn for each step. The loop stops at nothing:
`train` checks values and gradients, seeds each step and notes the losses, which the plain loop reads too.
The two take turns on one thread, as a process that others disturb slows both, and each round gives a ratio of
whole runs, set-up included; their median is what counts. Writes ``results/training_step.json``.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from polytask.architectures import HardSharing
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded
from polytask.data import JointSource
from polytask.data.source import Source
from polytask.train import train

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "training_step.json"
N_FEATURES, N_ROWS, N_TABLE = 8, 64, 4096
TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="binary"))


def table() -> Batch:
    draw = generator(0, "table")
    inputs = torch.randn(N_TABLE, N_FEATURES, generator=draw)
    return Batch(inputs=inputs, targets={"a": inputs.sum(1), "b": (inputs[:, 0] > 0).float()})


class AtHand(Source):
    """Steps that lie ready."""

    def __init__(self, steps: Sequence[Sequence[Episode]]) -> None:
        self.steps = steps

    def step(self, index: int) -> Sequence[Episode]:
        return self.steps[index % len(self.steps)]


def at_hand(rows: Batch) -> AtHand:
    pieces = torch.arange(N_TABLE).split(N_ROWS)
    return AtHand([[Episode(tasks=TASKS, query=rows.rows(piece))] for piece in pieces])


def parts(hidden: int) -> tuple[nn.Module, dict[str, nn.Module]]:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(N_FEATURES, hidden), nn.ReLU())
        return trunk, {task.name: nn.Linear(hidden, 1) for task in TASKS}


def plain(hidden: int, n_steps: int, draw: Callable[[int], Batch]) -> None:
    trunk, heads = parts(hidden)
    weights = [p for module in (trunk, *heads.values()) for p in module.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    total = 0.0
    for index in range(n_steps):
        batch = draw(index)
        features = trunk(batch.inputs)
        first = functional.mse_loss(heads["a"](features).squeeze(-1), batch.targets["a"])
        second = functional.binary_cross_entropy_with_logits(
            heads["b"](features).squeeze(-1), batch.targets["b"]
        )
        optimizer.zero_grad()
        (first + second).backward()
        optimizer.step()
        total += first.item() + second.item()


def ours(hidden: int, n_steps: int, source: Source) -> None:
    trunk, heads = parts(hidden)
    train(SharedModel(TASKS, HardSharing(trunk), heads), source, n_steps=n_steps)


def seconds(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure(hidden: int, steps: str, n_steps: int, rounds: int) -> dict[str, float]:
    """Return microseconds of a step in both ways, and what `train` takes as a multiple of the loop."""
    rows = table()
    ready = at_hand(rows)
    order = torch.randperm(N_TABLE, generator=generator(0, "rows"))

    def drawn(index: int) -> Batch:
        place = index * N_ROWS % N_TABLE
        return rows.rows(order[place : place + N_ROWS])

    draw: Callable[[int], Batch] = drawn if steps == "drawn" else lambda index: ready.step(index)[0].query
    source: Source = JointSource(TASKS, rows, batch_size=N_ROWS, seed=0) if steps == "drawn" else ready
    plain(hidden, min(n_steps, 50), draw)  # load the code that both use
    ours(hidden, min(n_steps, 50), source)
    found = [
        (seconds(lambda: plain(hidden, n_steps, draw)), seconds(lambda: ours(hidden, n_steps, source)))
        for _ in range(rounds)
    ]
    ratios = [mine / theirs for theirs, mine in found]
    theirs, mine = (statistics.median(column) / n_steps * 1e6 for column in zip(*found))
    return {
        "plain": theirs, "train": mine,
        "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, nargs="+", default=[32])
    parser.add_argument("--steps", type=int, default=500, help="of a run")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells = {}
    print(f"{'hidden':>6}  {'steps':8}{'plain us':>9}{'train us':>9}{'ratio':>7}  least to most")
    for hidden in asked.hidden:
        for steps in ("at hand", "drawn"):
            cell = cells[f"{hidden}, {steps}"] = measure(hidden, steps, asked.steps, asked.rounds)
            print(
                f"{hidden:6}  {steps:8}{cell['plain']:9.0f}{cell['train']:9.0f}{cell['ratio']:7.2f}"
                f"  {cell['least']:.2f} to {cell['most']:.2f}",
                flush=True,
            )
    setting = {"steps": asked.steps, "rounds": asked.rounds}
    write_results(RESULTS, setting=setting, figures=cells, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
