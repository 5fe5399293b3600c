"""What first-order methods, ANIL and prototypes cost beside a plain PyTorch loop of the same network.

    python benchmarks/speed/meta_training.py            # about ten minutes on one core
    python benchmarks/speed/meta_training.py --rounds 3 "prototypes, Conv4"

A step is the gradient of 16 episodes (Conv4, 5-way 1-shot, 5 queries a class) or 25 (sinusoids, 10 + 10
points) in all parameters. The plain loops are what one writes by hand, with nothing computed twice: ANIL's
encodes a support once, FOMAML's and Reptile's keep no graph between steps. Ours is given a step as its
sources make it, an `EpisodeStack`, and runs it by each execution; "auto" is the default, without what it
would compile later. They take turns in one process on one thread. The time is that of this process on the
processor, as the clock runs on while others use the machine; of every round the ratio to the plain loop of
that round is taken, whose median is the figure, least and most its spread.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

sys.path.append(str(Path(__file__).parent))
from meta import episodes
from polytask.core import Episode, EpisodeStack, EpisodicLearner, seeded
from polytask.core.batch import join_batches, stack_batches
from polytask.execution.named import named_execution
from polytask.meta import conv4, conv4_classifier, mlp
from polytask.meta.adaptation.inner_loop import inner_rows
from polytask.meta.initialization import ANIL, FOMAML, Reptile
from polytask.meta.metric import Prototypes

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "meta_training.json"
N_STEPS, RATE = 5, 0.05
N_EPISODES = {"Conv4": 16, "sinusoid": 25}
Network = nn.Sequential
Plain = Callable[[Network, Episode], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method by hand and by us.

    Args:
        plain: Adds the gradient of an episode to that of the network.
        learner: Ours, of such a network.
        executions: By which ours is run.
    """

    plain: Plain
    learner: Callable[[Network], EpisodicLearner]
    executions: tuple[str, ...] = ("auto", "loop", "vmap")


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return functional.mse_loss(outputs.squeeze(-1), targets)
    return functional.cross_entropy(outputs, targets)


def fomaml(net: Network, episode: Episode) -> None:
    support, query = episode.support, episode.query
    assert support is not None
    weights = {name: p.detach().requires_grad_() for name, p in net.named_parameters()}
    for _ in range(N_STEPS):
        loss = loss_of(functional_call(net, weights, (support.inputs,)), support.targets["y"])
        gradients = torch.autograd.grad(loss, list(weights.values()))
        weights = {
            name: (w.detach() - RATE * g).requires_grad_() for (name, w), g in zip(weights.items(), gradients)
        }
    loss = loss_of(functional_call(net, weights, (query.inputs,)), query.targets["y"])
    gradients = torch.autograd.grad(loss, list(weights.values()))
    for parameter, gradient in zip(net.parameters(), gradients):
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def reptile(net: Network, episode: Episode) -> None:
    assert episode.support is not None
    every = join_batches([episode.support, episode.query])
    weights = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
    optimizer = torch.optim.Adam(weights.values(), lr=1e-3, betas=(0.0, 0.999))
    for step in range(N_STEPS):
        rows = inner_rows(every, 10, step)
        optimizer.zero_grad()
        loss_of(functional_call(net, weights, (rows.inputs,)), rows.targets["y"]).backward()
        optimizer.step()
    with torch.no_grad():
        loss_of(functional_call(net, weights, (episode.query.inputs,)), episode.query.targets["y"])
        for parameter, weight in zip(net.parameters(), weights.values()):
            way = parameter - weight
            parameter.grad = way if parameter.grad is None else parameter.grad + way


def anil(net: Network, episode: Episode) -> None:
    support, query = episode.support, episode.query
    assert support is not None
    body, head = net[:-1], net[-1]
    assert isinstance(head, nn.Linear)
    features = body(support.inputs)
    weights = [head.weight, head.bias]
    for _ in range(N_STEPS):
        loss = loss_of(functional.linear(features, *weights), support.targets["y"])
        gradients = torch.autograd.grad(loss, weights, create_graph=True)
        weights = [w - RATE * g for w, g in zip(weights, gradients)]
    loss_of(functional.linear(body(query.inputs), *weights), query.targets["y"]).backward()


def prototypes(net: Network, episode: Episode) -> None:
    support, query = episode.support, episode.query
    assert support is not None
    features, labels = net(support.inputs), support.targets["y"]
    means = torch.stack([features[labels == index].mean(0) for index in range(5)])
    distances = (net(query.inputs).unsqueeze(1) - means).square().sum(2)  # [query, class]
    functional.cross_entropy(-distances, query.targets["y"]).backward()


METHODS = {
    "FOMAML": Method(
        plain=fomaml, learner=lambda net: FOMAML(net, inner_rate=RATE, n_steps=N_STEPS, **_norm(net))
    ),
    "Reptile": Method(plain=reptile, learner=lambda net: Reptile(net, n_steps=N_STEPS, **_norm(net))),
    "ANIL": Method(plain=anil, learner=lambda net: ANIL(net, inner_rate=RATE, n_steps=N_STEPS, **_norm(net))),
    "prototypes": Method(plain=prototypes, learner=Prototypes, executions=("auto", "loop")),
}
PROBLEMS = [
    f"{method}, {kind}"
    for method in METHODS
    for kind in N_EPISODES
    if (method, kind) != ("prototypes", "sinusoid")
]


def _norm(net: Network) -> Any:
    return {"normalization": "batch"} if any(isinstance(part, nn.BatchNorm2d) for part in net) else {}


def network(method: str, kind: str) -> Network:
    with seeded(0, "network"):
        if kind == "sinusoid":
            return mlp([1, 40, 40, 1])
        return conv4() if method == "prototypes" else conv4_classifier(5)


def stack_of(kind: str) -> EpisodeStack:
    given = episodes("sinusoid" if kind == "sinusoid" else "conv4", N_EPISODES[kind], 28, "cpu")
    support, query = (
        stack_batches([part for episode in given if (part := getattr(episode, name)) is not None])
        for name in ("support", "query")
    )
    return EpisodeStack(tasks=given[0].tasks, support=support, query=query)


def ways(method: str, kind: str) -> dict[str, tuple[Callable[[], None], Network]]:
    """Return by name what makes a step, and the network whose gradient it leaves."""
    stack = stack_of(kind)
    apart, net = list(stack), network(method, kind)

    def by_hand() -> None:
        net.zero_grad()
        for episode in apart:
            METHODS[method].plain(net, episode)

    found: dict[str, tuple[Callable[[], None], Network]] = {"plain loop": (by_hand, net)}
    for name in METHODS[method].executions:
        own = network(method, kind)
        learner = METHODS[method].learner(own)
        execution = named_execution(name, learner)  # pyright: ignore[reportArgumentType]

        def step(learner: EpisodicLearner = learner, execution: Any = execution) -> None:
            learner.zero_grad()
            learner.objectives(stack, execution=execution).values.sum().backward()

        found[name] = (step, own)
    return found


def measure(method: str, kind: str, rounds: int) -> dict[str, Any]:
    """Return of every way the milliseconds of a step, and its ratio to the plain loop."""
    acts = {way: step for way, (step, _) in ways(method, kind).items()}
    for step in acts.values():
        step()  # "auto" chooses
        step()
    times: dict[str, list[float]] = {way: [] for way in acts}
    n_steps = 1 if kind == "Conv4" else 10
    for _ in range(rounds):
        for way, step in acts.items():
            start = time.process_time()
            for _ in range(n_steps):
                step()
            times[way].append(1e3 * (time.process_time() - start) / n_steps)
    found: dict[str, Any] = {}
    for way, seconds in times.items():
        ratios = [mine / plain for mine, plain in zip(seconds, times["plain loop"])]
        found[way] = {
            "ms": round(statistics.median(seconds), 2),
            "ratio": round(statistics.median(ratios), 2),
            "least": round(min(ratios), 2),
            "most": round(max(ratios), 2),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("problems", nargs="*", default=PROBLEMS)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    figures = json.loads(RESULTS.read_text("utf-8"))["figures"] if RESULTS.is_file() else {}
    for problem in asked.problems:
        method, kind = problem.split(", ")
        figures[problem] = found = measure(method, kind, asked.rounds)
        for way, cell in found.items():
            print(f"{problem:20} {way:12} {cell}", flush=True)
    setting = {
        "Conv4": "16 episodes, 5-way 1-shot, 5 queries a class", "sinusoid": "25 tasks, 10 + 10 points",
        "inner steps": N_STEPS, "time": "of the process on the processor",
    }  # fmt: skip
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: time alone", threads=1)


if __name__ == "__main__":
    main()
