"""How the time of a meta-gradient of MAML grows with tasks, inner steps and parameters.

    python benchmarks/speed/meta_growth.py      # some minutes on one core

Sinusoids, 10 + 10 points, a network of two hidden layers; what is not varied is 25 tasks, 5 inner steps and
a width of 40. By the loop, by vmap, and by a plain loop over `functional_call`; the least time of this
process on the processor of several steps, and the fitted exponent (`growth.py`) of the whole curve, and of
its last half, where what every step costs alike matters less. "floor": the operations over the peak of a
matrix product here.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parent))
from growth import fitted_exponent
from torch.utils.flop_counter import FlopCounterMode

from meta import episodes, plain_loop
from polytask.core import seeded
from polytask.core.batch import stack_batches
from polytask.core.episode_stack import EpisodeStack
from polytask.core.torch_internals import flattened, operations_of, unflattened
from polytask.execution.groups import as_tree, run_one_by_one
from polytask.execution.vmap import gradients_inside, run_vmap
from polytask.meta import mlp
from polytask.meta.initialization import MAML

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "meta_growth.json"
USUAL = {"tasks": 25, "inner steps": 5, "width": 40}
CURVES = {
    "tasks": [2, 8, 32, 128, 512, 1024],
    "inner steps": [1, 2, 4, 8, 16],
    "width": [16, 64, 128, 256, 512],
}
RATE = 0.01


def steps_of(sizes: dict[str, int]) -> tuple[dict[str, Callable[[], None]], int, int]:
    """Return the ways to make a step, its operations, and the parameters of the network."""
    given = episodes("sinusoid", sizes["tasks"], 28, "cpu")
    stack = EpisodeStack(
        tasks=given[0].tasks,
        support=stack_batches([episode.support for episode in given if episode.support is not None]),
        query=stack_batches([episode.query for episode in given]),
    )
    with seeded(0, "network"):
        net = mlp([1, sizes["width"], sizes["width"], 1])
    learner = MAML(net, inner_rate=RATE, n_steps=sizes["inner steps"])

    def by(execution: Any, some: Any) -> None:
        learner.zero_grad()
        learner.objectives(some, execution=execution).values.sum().backward()

    ways = {
        "plain loop": lambda: plain_loop(net, net, given, RATE, sizes["inner steps"]),
        "loop": lambda: by(run_one_by_one, stack),
        "vmap": lambda: by(run_vmap, stack),
    }
    return ways, flops_of(learner, stack), sum(p.numel() for p in net.parameters())


def flops_of(learner: MAML, stack: EpisodeStack) -> int:
    """Count the operations of matrix products in a step's meta-gradient."""
    parameters = dict(learner.named_parameters())
    leaves, form = flattened((parameters, {}, as_tree(stack.support), as_tree(stack.query)))

    def step(*leaves: torch.Tensor) -> object:
        return gradients_inside(learner, stack.tasks, *unflattened(leaves, form))

    with torch.no_grad():
        graph = operations_of(step, *leaves)
        with FlopCounterMode(display=False) as counted:
            graph(*leaves)
    return counted.get_total_flops()


def least_seconds(act: Callable[[], object], budget: float) -> float:
    act()
    times: list[float] = []
    while len(times) < 2 or (sum(times) < budget and len(times) < 50):
        start = time.process_time()
        act()
        times.append(time.process_time() - start)
    return min(times)


def curve(varied: str, sizes: list[int], budget: float) -> dict[str, Any]:
    matrix = torch.rand(512, 512)
    per_operation = least_seconds(lambda: torch.mm(matrix, matrix), 0.2) / (2 * 512**3)
    found: dict[str, Any] = {"sizes": [], "floor, ms": []}
    for size in sizes:
        ways, flops, n_parameters = steps_of({**USUAL, varied: size})
        found["sizes"].append(n_parameters if varied == "width" else size)
        found["floor, ms"].append(round(1e3 * flops * per_operation, 4))
        for way, act in ways.items():
            found.setdefault(way, {"ms": []})["ms"].append(round(1e3 * least_seconds(act, budget), 3))
    half = len(sizes) // 2
    for way in ("plain loop", "loop", "vmap"):
        cell = found[way]
        cell["exponent"] = round(fitted_exponent(found["sizes"], cell["ms"]), 2)
        cell["exponent of the last half"] = round(
            fitted_exponent(found["sizes"][half:], cell["ms"][half:]), 2
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each point of a curve")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for varied, sizes in CURVES.items():
        name = "parameters" if varied == "width" else varied
        figures[name] = curve(varied, sizes, asked.seconds)
        print(name, json.dumps(figures[name], indent=1), flush=True)
    setting = {**USUAL, "points": "10 + 10", "time": "of the process on the processor, the least"}
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: time alone", threads=1)


if __name__ == "__main__":
    main()
