"""MAML on sinusoids, compiled, beside JAX (vmap and jit) and a plain loop; what a start costs, cold and warm.

    python benchmarks/speed/meta_peers.py                       # ten minutes, most of it compiling
    python benchmarks/speed/meta_peers.py --jax PYTHON          # JAX lies in another environment

A step is the gradient of 25 tasks (10 + 10 points, a network 1-40-40-1), as a source makes it: one stack.
Each way is a process of its own that waits for its turn; a round gives each so many steps, and the figure is
the median over rounds of the ratio to JAX in the same round. The time is that of the process on the
processor, all threads together, as the clock runs on while others use the machine. "floor": the operations
of the step over the peak of a matrix product here, or the bytes that it must read and write over the peak of
a copy, whichever is more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parent))
from meta_growth import flops_of

from meta import RATE, episodes, network, plain_loop
from polytask.core import EpisodeStack
from polytask.core.batch import stack_batches, tensors_of
from polytask.execution.named import named_execution
from polytask.meta.initialization import MAML

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "meta_peers.json"
N_TASKS, STEPS = 25, (1, 5)
PER_ROUND = {"JAX": 300, "compiled": 300, "vmap": 20, "plain loop": 3}


def stack() -> EpisodeStack:
    given = episodes("sinusoid", N_TASKS, 28, "cpu")
    support = stack_batches([episode.support for episode in given if episode.support is not None])
    return EpisodeStack(
        tasks=given[0].tasks, support=support, query=stack_batches([episode.query for episode in given])
    )


def learner(n_steps: int) -> MAML:
    return MAML(network("sinusoid"), inner_rate=RATE["sinusoid"], n_steps=n_steps)


def work(way: str, n_steps: int) -> None:
    """Take turns, as `jax_maml.py` does."""
    from jax_maml import told

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given, model = stack(), learner(n_steps)
    apart, net = list(given), network("sinusoid")
    execution = None if way == "plain loop" else named_execution(way, model)  # pyright: ignore[reportArgumentType]

    def step() -> None:
        if execution is None:
            plain_loop(net, net, apart, RATE["sinusoid"], n_steps)
            return
        model.zero_grad()
        model.objectives(given, execution=execution).values.sum().backward()

    start, begun = time.process_time(), time.perf_counter()
    step()
    told(start, begun)
    for line in sys.stdin:
        start, begun = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            step()
        told(start, begun)


class Worker:
    """A process that waits for its turn."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.start = self.told()

    def told(self) -> dict[str, float]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline() or "{}")

    def seconds(self, n_steps: int) -> float:
        """Return the seconds of one step on the processor."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{n_steps}\n")
        self.process.stdin.flush()
        return self.told()["processor"] / n_steps

    def close(self) -> None:
        self.process.communicate()


def floor(n_steps: int) -> dict[str, float]:
    """Return the operations and bytes of a step, and the milliseconds that these cannot do without."""
    given, model = stack(), learner(n_steps)
    flops = flops_of(model, given)
    tensors = [*model.parameters(), *tensors_of(given.support), *tensors_of(given.query)]
    n_bytes = sum(t.numel() * t.element_size() for t in tensors)
    n_bytes += sum(p.numel() * p.element_size() for p in model.parameters())  # the gradient is written
    torch.set_num_threads(1)
    matrix, long = torch.rand(512, 512), torch.rand(2**24)
    product = min(spent(lambda: matrix @ matrix) for _ in range(20))
    copied = min(spent(lambda: long.clone()) for _ in range(5))
    seconds = max(flops * product / (2 * 512**3), n_bytes * copied / (2 * 4 * len(long)))
    return {"flops": flops, "bytes": n_bytes, "ms": round(1e3 * seconds, 4)}


def spent(act: Any) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def measure(n_steps: int, rounds: int, jax: str) -> dict[str, Any]:
    commands = {
        way: [sys.executable, __file__, "--work", way, "--steps", str(n_steps)]
        for way in PER_ROUND
        if way != "JAX"
    }
    commands["JAX"] = [jax, str(Path(__file__).parent / "jax_maml.py"), str(N_TASKS), str(n_steps)]
    # Torch's own variable would go before our cache; an empty cache folder makes the first start a cold one.
    cold: Worker | None = None
    with tempfile.TemporaryDirectory() as cache:
        kept = {"POLYTASK_CACHE": cache}
        os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)
        if "compiled" in PER_ROUND:
            cold = Worker(commands["compiled"], **kept)
            cold.close()
        workers = {way: Worker(commands[way], **kept) for way in PER_ROUND}
        if "JAX" in workers and not workers["JAX"].start:
            sys.stderr.write(f"{jax} has no JAX, which is left out.\n")
            del workers["JAX"]
        times: dict[str, list[float]] = {way: [] for way in workers}
        for _ in range(rounds + 1):  # the first warms up
            for way, worker in workers.items():
                times[way].append(worker.seconds(PER_ROUND[way]))
        for worker in workers.values():
            worker.close()
    found: dict[str, Any] = {"floor": floor(n_steps), "ways": {}}
    first = next(iter(times))
    for way, seconds in times.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds[1:], times[first][1:])]
        found["ways"][way] = {
            "ms": round(1e3 * statistics.median(seconds[1:]), 3),
            f"times {first}": round(statistics.median(ratios), 2),
            "least": round(min(ratios), 2),
            "most": round(max(ratios), 2),
            "start, s": round(workers[way].start["processor"], 1),
        }
    if cold is not None:
        found["ways"]["compiled"]["cold start, s"] = round(cold.start["processor"], 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--jax", default=sys.executable, help="the Python that has JAX")
    parser.add_argument("--steps", type=int, nargs="+", default=list(STEPS))
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.work, asked.steps[0])
        return
    figures = {}
    for n_steps in asked.steps:
        found = figures[f"{n_steps} steps" if n_steps > 1 else "1 step"] = measure(
            n_steps, asked.rounds, asked.jax
        )
        print(n_steps, json.dumps(found, indent=1), flush=True)
    setting = {
        "problem": "25 sinusoids, 10 + 10 points, 1-40-40-1",
        "time": "of the process on the processor",
    }
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=0,
        split="none: time alone",
        packages=["jax"],
        threads=1,
    )


if __name__ == "__main__":
    main()
