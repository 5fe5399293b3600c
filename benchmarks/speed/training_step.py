"""What `train` adds to a small training step: its time beside a plain PyTorch loop over the same steps.

    python benchmarks/speed/training_step.py                 # two minutes
    python benchmarks/speed/training_step.py --shapes 32     # the small network alone

A regression and a binary task of the same 8 features, equal weights, 64 rows a step (256 for a network that
is not tiny, 512x3: three hidden layers of 512). "at hand": the steps lie ready. "drawn": rows of a table are
drawn for each step. The loop stops at nothing: `train` checks values and gradients, seeds each step and notes
the losses, which the plain loop reads too. The default of `train` is Adam in its fused form; so there are two
plain loops, with Adam as torch has it by default ("plain") and with the fused one ("fused"). All take turns
on one thread, in processor time, as a machine that others use slows all; each round gives ratios of whole
runs, set-up included, and their median is what counts. Writes ``results/training_step.json``.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
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
N_FEATURES, N_TABLE = 8, 4096
SHAPES = {"32": ([32], 64), "512x3": ([512] * 3, 256)}
"""The hidden layers, and the rows of a step."""
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


def at_hand(rows: Batch, n_rows: int) -> AtHand:
    pieces = torch.arange(N_TABLE).split(n_rows)
    return AtHand([[Episode(tasks=TASKS, query=rows.rows(piece))] for piece in pieces])


def parts(widths: Sequence[int]) -> tuple[nn.Module, dict[str, nn.Module]]:
    with seeded(0, "model"):
        layers = [
            layer
            for before, width in zip([N_FEATURES, *widths], widths)
            for layer in (nn.Linear(before, width), nn.ReLU())
        ]
        return nn.Sequential(*layers), {task.name: nn.Linear(widths[-1], 1) for task in TASKS}


def plain(widths: Sequence[int], n_steps: int, draw: Callable[[int], Batch], *, fused: bool) -> None:
    trunk, heads = parts(widths)
    weights = [p for module in (trunk, *heads.values()) for p in module.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=fused)
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


def ours(widths: Sequence[int], n_steps: int, source: Source) -> None:
    trunk, heads = parts(widths)
    train(SharedModel(TASKS, HardSharing(trunk), heads), source, n_steps=n_steps)


def seconds(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def measure(shape: str, steps: str, n_steps: int, rounds: int) -> dict[str, float]:
    """Return microseconds of a step in all ways, and what `train` takes as multiples of the loops."""
    widths, n_rows = SHAPES[shape]
    rows = table()
    ready = at_hand(rows, n_rows)
    order = torch.randperm(N_TABLE, generator=generator(0, "rows"))

    def drawn(index: int) -> Batch:
        place = index * n_rows % N_TABLE
        return rows.rows(order[place : place + n_rows])

    draw: Callable[[int], Batch] = drawn if steps == "drawn" else lambda index: ready.step(index)[0].query
    source: Source = JointSource(TASKS, rows, batch_size=n_rows, seed=0) if steps == "drawn" else ready
    ways: dict[str, Callable[[int], None]] = {
        "plain": lambda n: plain(widths, n, draw, fused=False),
        "fused": lambda n: plain(widths, n, draw, fused=True),
        "train": lambda n: ours(widths, n, source),
    }
    for act in ways.values():
        act(min(n_steps, 50))  # load the code that all use
    found = [{way: seconds(partial(act, n_steps)) for way, act in ways.items()} for _ in range(rounds)]
    cell = {way: statistics.median(each[way] for each in found) / n_steps * 1e6 for way in ways}
    for way, name in (("plain", "ratio"), ("fused", "fused_ratio")):
        ratios = [each["train"] / each[way] for each in found]
        cell |= {name: statistics.median(ratios), f"{name}_least": min(ratios), f"{name}_most": max(ratios)}
    return cell


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", choices=list(SHAPES), nargs="+", default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=500, help="of a run of the small network")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells = {}
    print(f"{'hidden':>6}  {'steps':8} plain us fused us train us  train over plain, over fused")
    for shape in asked.shapes:
        for steps in ("at hand", "drawn"):
            n_steps = asked.steps if shape == "32" else max(asked.steps // 10, 1)
            cell = cells[f"{shape}, {steps}"] = measure(shape, steps, n_steps, asked.rounds)
            spreads = [
                f"{cell[name]:.2f} ({cell[f'{name}_least']:.2f} to {cell[f'{name}_most']:.2f})"
                for name in ("ratio", "fused_ratio")
            ]
            print(
                f"{shape:>6}  {steps:8}{cell['plain']:9.0f}{cell['fused']:9.0f}{cell['train']:9.0f}  "
                + ", ".join(spreads),
                flush=True,
            )
    setting = {"steps": asked.steps, "rounds": asked.rounds, "time": "of the process"}
    write_results(RESULTS, setting=setting, figures=cells, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
