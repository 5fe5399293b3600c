"""Time and memory of a meta-iteration of MAML or ANIL by execution, with other libraries in the same run.

Run: ``python benchmarks/speed/meta.py`` (about half an hour on 2 cores, most of it compiling; name problems
to run only those). A meta-iteration is the meta-gradient of all tasks. "plain loop" is what one writes by
hand: `torch.func.functional_call`, `torch.autograd.grad` with ``create_graph``, a backward pass per task.
``higher`` and ``torchopt`` run if they are installed. Every cell is a process of its own, with ``--rounds``
several, the ways in turn, and the shortest iteration counts: a noisy machine slows some. Memory is the peak
of the process over what it took with the model built; with ``--device cuda``, of what torch allocated on the
GPU. "auto" compiles at once here, not after 30 seconds. ANIL adapts the last layer alone. All ways have one
thread, or two where the problem says so, the plain loop and the peers too.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.core.learner import run_loop
from polytask.execution import named_execution
from polytask.execution.auto import Auto
from polytask.meta import conv4_classifier, mlp
from polytask.meta.initialization import ANIL, MAML

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results"
PROBLEMS = {
    "sinusoid, 1 step": ("sinusoid", 25, 1),
    "sinusoid, 5 steps": ("sinusoid", 25, 5),
    "Conv4, 1 step": ("conv4", 16, 1),
    "Conv4, 5 steps": ("conv4", 16, 5),
    "ANIL, Conv4, 5 steps": ("conv4 head", 16, 5),
    "Conv4, 1 step, two threads": ("conv4", 16, 1),
    "Conv4, 5 steps, two threads": ("conv4", 16, 5),
}
WAYS = (
    "plain loop", "higher", "torchopt", "run_loop", "loop", "vmap", "compiled", "compiled, matrix", "threads",
    "auto",
)  # fmt: skip
WAYS_OF_TWO = ("plain loop", "higher", "torchopt", "loop", "threads", "auto")
"""What problems in two threads are run by."""
RATE = {"sinusoid": 0.01, "conv4": 0.4, "conv4 head": 0.1}
Step = Callable[[], object]


def episodes(kind: str, n_tasks: int, size: int, device: str) -> list[Episode]:
    found = []
    for index in range(n_tasks):
        draw = generator(0, "episode", index)
        if kind == "sinusoid":
            task = Task(name="y", kind="regression")
            parts = [
                Batch(
                    inputs=torch.randn(10, 1, generator=draw), targets={"y": torch.randn(10, generator=draw)}
                )
                for _ in range(2)
            ]
        else:
            task = Task(name="y", kind="multiclass", n_outputs=5)
            parts = [
                Batch(
                    inputs=torch.rand(5 * n, 1, size, size, generator=draw),
                    targets={"y": torch.arange(5).repeat_interleave(n)},
                )
                for n in (1, 5)
            ]
        support, query = (part.to(device) for part in parts)
        found.append(Episode(tasks=(task,), support=support, query=query))
    return found


def network(kind: str, *, matrix: bool = False) -> nn.Sequential:
    with seeded(0, "network"):
        if kind == "sinusoid":
            return mlp([1, 40, 40, 1])
        return conv4_classifier(5, convolution="matrix" if matrix else "direct")


def step_of(
    way: str, kind: str, n_tasks: int, n_steps: int, *, size: int = 28, device: str
) -> tuple[Step, Callable[[], str]]:
    """Return the meta-iteration, and what to say of it afterwards."""
    given = episodes(kind, n_tasks, size, device)
    net = network(kind, matrix=way.endswith("matrix")).to(device)
    adapted = net[-1] if kind == "conv4 head" else net
    others = {"plain loop": plain_loop, "higher": by_higher, "torchopt": by_torchopt}
    if way in others:
        return lambda: others[way](net, adapted, given, RATE[kind], n_steps), str
    normalization = None if kind == "sinusoid" else "batch"
    learner = (MAML if adapted is net else ANIL)(  # its own parameters, if any, lie where the network's do
        net, inner_rate=RATE[kind], n_steps=n_steps, normalization=normalization
    )
    name = way.split(",")[0]
    execution = run_loop if name == "run_loop" else named_execution(name, learner)  # pyright: ignore[reportArgumentType]
    if isinstance(execution, Auto) and (kind == "sinusoid" or device == "cuda"):
        execution.patience = 0.0  # compiles at once; Conv4 would compile for minutes on a CPU

    def step() -> None:
        learner.zero_grad()
        learner.objectives(given, execution=execution).values.sum().backward()

    return step, lambda: str(execution.choice) if isinstance(execution, Auto) else ""


def loss_of(kind_of: Task, prediction: Tensor, batch: Batch) -> Tensor:
    return kind_of.objective(prediction, batch.targets["y"])


def plain_loop(net: nn.Module, adapted: nn.Module, given: list[Episode], rate: float, n_steps: int) -> None:
    net.zero_grad()
    own = {id(parameter) for parameter in adapted.parameters()}
    start = {name: parameter for name, parameter in net.named_parameters() if id(parameter) in own}
    for episode in given:
        assert episode.support is not None
        (task,) = episode.tasks
        weights: dict[str, Tensor] = dict(start)
        for _ in range(n_steps):
            loss = loss_of(task, functional_call(net, weights, (episode.support.inputs,)), episode.support)
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = {name: w - rate * g for (name, w), g in zip(weights.items(), gradients)}
        loss_of(task, functional_call(net, weights, (episode.query.inputs,)), episode.query).backward()


def by_higher(net: nn.Module, adapted: nn.Module, given: list[Episode], rate: float, n_steps: int) -> None:
    higher = import_module("higher")  # a package of the comparison alone

    net.zero_grad()
    optimizer = torch.optim.SGD(adapted.parameters(), lr=rate)
    for episode in given:
        assert episode.support is not None
        (task,) = episode.tasks
        with higher.innerloop_ctx(net, optimizer, copy_initial_weights=False) as (inner, inner_optimizer):
            for _ in range(n_steps):
                inner_optimizer.step(loss_of(task, inner(episode.support.inputs), episode.support))
            loss_of(task, inner(episode.query.inputs), episode.query).backward()


def by_torchopt(net: nn.Module, adapted: nn.Module, given: list[Episode], rate: float, n_steps: int) -> None:
    torchopt = import_module("torchopt")

    net.zero_grad()
    optimizer = torchopt.MetaSGD(adapted, lr=rate)
    start, optimizer_start = torchopt.extract_state_dict(adapted), torchopt.extract_state_dict(optimizer)
    for episode in given:
        assert episode.support is not None
        (task,) = episode.tasks
        for _ in range(n_steps):
            optimizer.step(loss_of(task, net(episode.support.inputs), episode.support))
        loss_of(task, net(episode.query.inputs), episode.query).backward()
        torchopt.recover_state_dict(adapted, start)
        torchopt.recover_state_dict(optimizer, optimizer_start)


def measure(way: str, problem: str, seconds: float, device: str) -> dict[str, Any]:
    """Return milliseconds of a meta-iteration, MiB at the peak over the built model, seconds to warm up."""
    torch.set_num_threads(_n_threads(problem))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    warnings.simplefilter("ignore")
    kind, n_tasks, n_steps = PROBLEMS[problem]
    if (kind != "sinusoid" and not way.startswith("compiled")) or way not in ("compiled", "auto"):
        # Loads the code that the way uses, which is not to be counted; one task alone is nothing to measure.
        step_of(way, kind, 2 if way == "auto" else 1, 1, size=16, device=device)[0]()
    step, said = step_of(way, kind, n_tasks, n_steps, device=device)
    before = _memory_before(device)
    start = time.perf_counter()
    for _ in range(3):
        step()
    _synchronize(device)
    warm = time.perf_counter() - start
    times: list[float] = []
    while len(times) < 5 or sum(times) < seconds:
        start = time.perf_counter()
        step()
        _synchronize(device)
        times.append(1e3 * (time.perf_counter() - start))
    return {
        "ms": round(statistics.median(times), 2),
        "best": round(min(times), 2),
        "mib": round((_memory_peak(device) - before) / 2**10, 1),
        "warm_seconds": round(warm, 1),
        "note": said(),
    }


def _n_threads(problem: str) -> int:
    return 2 if "two threads" in problem else 1


def _ways(asked: list[str], problem: str) -> list[str]:
    """Return the ways that a problem is run by."""
    if _n_threads(problem) == 2:
        return [way for way in asked if way in WAYS_OF_TWO]
    return [way for way in asked if way != "threads" and ("Conv4" in problem or not way.endswith("matrix"))]


def _synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _memory_before(device: str) -> float:
    """Return the KiB that are taken, and begin to watch the peak."""
    if device == "cpu":
        return _status("VmRSS")
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated() / 2**10


def _memory_peak(device: str) -> float:
    return _status("VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated() / 2**10


def _status(field: str) -> int:
    """Return a figure of this process in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0


def in_process(way: str, problem: str, seconds: float, device: str) -> dict[str, Any]:
    """Measure in a process of its own: peak memory cannot be reset inside one."""
    command = [sys.executable, __file__, "--way", way, "--seconds", str(seconds), "--device", device, problem]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:200]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def joined(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one cell of several: the shortest iteration, the median otherwise, or the first failure."""
    for cell in cells:
        if "failed" in cell:
            return cell
    middle = {key: statistics.median(cell[key] for cell in cells) for key in ("ms", "mib", "warm_seconds")}
    return {
        **{key: round(value, 2) for key, value in middle.items()},
        "best": min(cell["best"] for cell in cells),
        "note": ", ".join(sorted({cell["note"] for cell in cells})),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--seconds", type=float, default=3.0, help="timed for each cell")
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(measure(asked.way, asked.problems[0], asked.seconds, asked.device)))
        return
    path = RESULTS / ("meta.json" if asked.device == "cpu" else "meta_cuda.json")
    figures = json.loads(path.read_text())["figures"] if path.is_file() else {}
    for problem in asked.problems:
        ways = _ways(asked.ways, problem)
        rounds = [
            {way: in_process(way, problem, asked.seconds, asked.device) for way in ways}
            for _ in range(asked.rounds)
        ]
        cells: dict[str, Any] = {}
        for way in ways:
            cells[way] = found = joined([each[way] for each in rounds])
            if "ms" in found and "ms" in cells.get("plain loop", {}):
                found["times_faster"] = round(cells["plain loop"]["best"] / found["best"], 2)
                found["memory_ratio"] = round(found["mib"] / max(cells["plain loop"]["mib"], 1), 2)
            print(f"{problem:<27} {way:<17} {found}", flush=True)
        figures[problem] = cells
        write(path, figures, asked.device)


def write(path: Path, figures: dict[str, Any], device: str) -> None:

    setting = {"sinusoid": "25 tasks, 10 + 10 points", "conv4": "5-way 1-shot, 16 tasks, 5 queries a class"}
    if device == "cuda":
        setting["device"] = torch.cuda.get_device_name()
    write_results(path, setting=setting, figures=figures, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
