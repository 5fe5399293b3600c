"""Neural processes on functions from Gaussian processes, beside the exact posterior.

    python benchmarks/quality/gaussian_processes.py --iterations 4000 --seed 0 1 2

Training: RBF covariance, length in [0.1, 0.6], scale in [0.1, 1], noise 0.02, inputs in [-2, 2]; 16 functions
a step with 3 to 46 points to learn from and 3 to 49 less these to answer; Adam 5e-4 with a cosine schedule.
Test: other functions of RBF, Matérn 5/2 and periodic covariance, period in [0.1, 0.5]; the same for all rows.
A figure is the mean log density of a query value in nats, averaged over points, then over functions; and the
share of values within the central 95 % interval. "exact" knows kernel and hyper-parameters of each function
and conditions on the support; "prior" knows them too and ignores the support. Writes
results/gaussian_processes.json, where rows of other learners with the same setting are kept.

Reference: the protocol is that of Nguyen, Grover. Transformer Neural Processes. ICML 2022, arXiv:2207.04179,
where training takes 100,000 steps. There CNP and CANP cannot be surer than a standard deviation of 0.1; here
every learner may go down to 0.01, as the noise is 0.02. NP and ANP are judged as mixtures of 32 draws.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from results import write_results  # beside this file
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from polytask.core import Batch, Task, generator, mean_interval, seeded
from polytask.core.random import numpy_generator
from polytask.data.episodes.context_episodes import ContextEpisodes
from polytask.data.episodes.gaussian_processes import (
    CovarianceKind,
    Covariances,
    GaussianProcesses,
    exact_posterior,
)
from polytask.execution.forward import run_forward
from polytask.meta.model import CANP, CNP, NP, TNPD, ConvCNP, Gaussian, GaussianLearner

RESULT = Path(__file__).parent / "results" / "gaussian_processes.json"
NOISE = 0.02
MIN_STD = 0.01
N_TEST_STEPS = 40  # of 16 functions each
N_DRAWS = 32  # of the latent variable, where there is one
TEST_SEED = 1_000_000  # apart from every training seed
TASK = Task(name="y", kind="regression")

LEARNERS: dict[str, Callable[[], GaussianLearner]] = {
    "CNP": lambda: CNP(1, min_std=MIN_STD),
    "CANP": lambda: CANP(1, min_std=MIN_STD),
    "NP": lambda: NP(1, min_std=MIN_STD),
    "ANP": lambda: NP(1, attentive=True, min_std=MIN_STD),
    "ConvCNP": lambda: ConvCNP(points_per_unit=16, min_std=MIN_STD),
    "TNPD": lambda: TNPD(1, min_std=MIN_STD),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--learner", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tests = {kind: test_steps(kind) for kind in get_args(CovarianceKind)}
    bounds = {name: {k: bound(name, steps) for k, steps in tests.items()} for name in ("exact", "prior")}
    for name, row in bounds.items():
        show(name, row)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.learner}
    for seed in arguments.seed:
        for name in arguments.learner:
            learner, seconds = fit(name, seed, arguments.iterations)
            found = {kind: judge(learner, steps) for kind, steps in tests.items()}
            runs[name].append({"seconds": round(seconds, 1), **found})
            show(f"{name} seed {seed} ({seconds:.0f} s)", found)
    write(arguments, bounds, runs)


def fit(name: str, seed: int, iterations: int) -> tuple[GaussianLearner, float]:
    """Train on new functions at every step; return the learner and the seconds it took."""
    with seeded(seed, "initialization"):
        learner = LEARNERS[name]()
    source = ContextEpisodes(GaussianProcesses("rbf"), seed=seed, noise=NOISE)
    optimizer = Adam(learner.parameters(), lr=5e-4)
    schedule = CosineAnnealingLR(optimizer, iterations)
    start = time.process_time()
    for index in range(iterations):
        optimizer.zero_grad()
        with seeded(seed, "latent", index):
            learner.objectives(source.step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
        schedule.step()
    return learner.eval(), time.process_time() - start


Step = tuple[Covariances, Tensor, Tensor, int]
"""The covariances of some functions, points ``[function, point, 1]`` and values, and how many are known."""


def test_steps(kind: CovarianceKind) -> list[Step]:
    """Draw the functions of the test, whose covariances are kept for the exact posterior."""
    family, steps = GaussianProcesses(kind), []
    for index in range(N_TEST_STEPS):
        sizes, draw = numpy_generator(TEST_SEED, "sizes", index), generator(TEST_SEED, kind, index)
        n_support = int(sizes.integers(3, 47))
        n_query = int(sizes.integers(3, 50 - n_support))
        covariances = family.covariances(16, draw)
        x, y = family.sample_of(covariances, n_support + n_query, draw)
        steps.append((covariances, x, y + NOISE * torch.randn(y.shape, generator=draw), n_support))
    return steps


def bound(name: str, steps: list[Step]) -> dict[str, float]:
    """Judge the exact posterior, or the prior of the right hyper-parameters."""
    scores = []
    for covariances, x, y, n in steps:
        if name == "exact":
            mean, std = exact_posterior(covariances, x[:, :n], y[:, :n], x[:, n:], noise=NOISE)
        else:
            mean = torch.zeros_like(y[:, n:])
            std = (covariances.scale.square() + NOISE**2).sqrt().unsqueeze(1).expand_as(mean)
        scores += [score([Gaussian(mean=m, std=s)], v) for m, s, v in zip(mean, std, y[:, n:], strict=True)]
    return averaged(scores)


def judge(learner: GaussianLearner, steps: list[Step]) -> dict[str, float]:
    """Let a learner read the support of every function and answer its query."""
    scores = []
    with torch.no_grad():
        for _, x, y, n in steps:
            for points, values in zip(x, y, strict=True):
                state = learner.learn([TASK], Batch(inputs=points[:n], targets={"y": values[:n]}))
                states = [state]
                if isinstance(learner, NP):
                    states = [learner.draw(state, generator(TEST_SEED, "draw", i)) for i in range(N_DRAWS)]
                found = [learner.distribution(each, [TASK], points[n:])["y"] for each in states]
                scores.append(score(found, values[n:].unsqueeze(1)))
    return averaged(scores)


def score(found: Sequence[Gaussian], values: Tensor) -> tuple[float, float]:
    """Judge the even mixture of some distributions of a function's values.

    Returns:
        The mean log density of the values, and their share within the central 95 % interval.
    """
    densities = torch.stack([each.log_density(values) for each in found])  # [draw, ...]
    below = torch.stack([torch.special.ndtr((values - each.mean) / each.std) for each in found]).mean(0)
    inside = (below > 0.025) & (below < 0.975)
    log_density = densities.logsumexp(0) - math.log(len(found))
    return float(log_density.mean()), float(inside.double().mean())


def averaged(scores: list[tuple[float, float]]) -> dict[str, float]:
    densities, inside = zip(*scores, strict=True)
    interval = mean_interval(densities)
    return {
        "log_likelihood": round(interval.mean, 4),
        "half_width_over_functions": round(interval.half_width, 4),
        "coverage_of_95": round(sum(inside) / len(inside), 4),
    }


def write(arguments: argparse.Namespace, bounds: dict[str, Any], runs: dict[str, Any]) -> None:
    """Write all rows; a learner's interval is over its seeds."""
    setting = {
        "seeds": arguments.seed,
        "iterations": arguments.iterations,
        "noise": NOISE,
        "min_std": MIN_STD,
        "test_functions_per_kernel": 16 * N_TEST_STEPS,
        "test_seed": TEST_SEED,
        "published": "Nguyen, Grover 2022, 100,000 steps, RBF / Matern / periodic: CNP 0.26 / 0.04 / -1.40, "
        "CANP 0.79 / 0.62 / -7.61, NP 0.27 / 0.07 / -1.15, ANP 0.81 / 0.63 / -5.02, "
        "TNP-D 1.39 / 0.95 / -3.53",
    }
    figures: dict[str, Any] = {
        "metric": "target log-likelihood per point in nats; 95 % intervals; seconds of processor time",
        **bounds,
        **kept(arguments.output, setting),
        **{name: over_seeds(found) for name, found in runs.items()},
    }
    write_results(
        arguments.output,
        setting=setting,
        figures=figures,
        seed=arguments.seed,
        split="functions drawn; those of the test seed are judged",
    )


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Average a learner's figures over its seeds."""
    row: dict[str, Any] = {}
    for kind in get_args(CovarianceKind):
        interval = mean_interval([run[kind]["log_likelihood"] for run in runs])
        half_width = round(interval.half_width, 4) if len(runs) > 1 else None
        row[kind] = {"mean": round(interval.mean, 4), "half_width_over_seeds": half_width}
    return {**row, "seeds": runs}


def kept(path: Path, setting: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of an earlier run of the same setting."""
    if not path.exists():
        return {}
    earlier = json.loads(path.read_text())
    same = all(
        earlier["setting"].get(name) == value for name, value in setting.items() if name != "published"
    )
    return {name: row for name, row in earlier["figures"].items() if same and name in LEARNERS}


def show(name: str, row: dict[str, Any]) -> None:
    figures = "   ".join(
        f"{kind} {found['log_likelihood']:7.3f} ({100 * found['coverage_of_95']:.0f} % in 95 %)"
        for kind, found in row.items()
    )
    print(f"{name:<24}  {figures}", flush=True)


if __name__ == "__main__":
    main()
