"""MAML on sinusoids, as in the paper's section 5.1: held-out error after 1, 5 and 10 inner steps.

    python benchmarks/quality/sinusoid.py --iterations 70000 --seed 0 1 2

10-shot regression of y = A sin(x - phase), A in [0.1, 5], phase in [0, pi], x in [-5, 5], by a 1-40-40-1
ReLU network; 25 tasks a step with 10 query points each, Adam 1e-3, exactly one inner step of rate 0.01 in
training. Beside it: the same network untrained, and pre-trained jointly on the query points of all tasks (as
many steps, without an inner one). Every row is adapted to the same new tasks and judged on 100 other points
of each. Writes results/sinusoid.json, and fails if a target is missed.

Reference: Finn, Abbeel, Levine. Model-Agnostic Meta-Learning. ICML 2017, arXiv:1703.03400.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from results import write_results  # beside this file
from torch.optim import Adam

from polytask.core import seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.execution.compiled import Compiled
from polytask.meta import GradientLearner, mlp
from polytask.meta.initialization import MAML

RESULT = Path(__file__).parent / "results" / "sinusoid.json"
STEPS = (0, 1, 5, 10)
TARGETS = {1: 0.45, 10: 0.15}  # mean squared error by inner steps, at most
N_TEST_TASKS = 1000
TEST_SEED = 1_000_000  # apart from every training seed: the test tasks are the same for all rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--iterations", type=int, default=70_000)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = {f"seed {seed}": run(seed, arguments.iterations) for seed in arguments.seed}
    write_results(
        arguments.output,
        setting={
            "seeds": arguments.seed,
            "iterations": arguments.iterations,
            "test_tasks": N_TEST_TASKS,
            "test_seed": TEST_SEED,
            "targets": {f"{n} steps": limit for n, limit in TARGETS.items()},
            "metric": "mean squared error by inner steps, 95 % half width over test tasks",
        },
        figures=runs,
        seed=arguments.seed,
        split="tasks drawn; those of the test seed are judged",
    )
    if not all(found["met"] for found in runs.values()):
        raise SystemExit("A target was missed.")


def run(seed: int, iterations: int) -> dict[str, Any]:
    """Train and judge all rows with one seed."""
    untrained = learner(seed)
    rows: dict[str, Any] = {"untrained": {"error": judge(untrained)}}
    show(seed, "untrained", rows["untrained"])
    for name, n_steps in (("joint pre-training", 0), ("MAML", 1)):
        trained = learner(seed)
        seconds = fit(trained.with_steps(n_steps), seed, iterations)
        rows[name] = {
            "error": judge(trained),
            "seconds": round(seconds, 1),
            "milliseconds_per_iteration": round(1e3 * seconds / iterations, 2),
        }
        show(seed, name, rows[name])
    met = all(rows["MAML"]["error"][str(n)]["mean"] <= limit for n, limit in TARGETS.items())
    return {"met": met, **rows}


def learner(seed: int) -> GradientLearner:
    with seeded(seed, "initialization"):
        return MAML(mlp([1, 40, 40, 1]), inner_rate=0.01, n_steps=1)


def fit(model: GradientLearner, seed: int, iterations: int) -> float:
    """Train on new tasks at every step; return the seconds it took, drawing the tasks included."""
    source = FunctionEpisodes(Sinusoids(), n_support=10, n_query=10, n_episodes=25, seed=seed)
    optimizer, execution = Adam(model.parameters(), lr=1e-3), Compiled()
    start = time.perf_counter()
    for index in range(iterations):
        optimizer.zero_grad()
        model.objectives(source.step(index), execution=execution).values.mean().backward()
        optimizer.step()
    return time.perf_counter() - start


def judge(model: GradientLearner) -> dict[str, dict[str, float]]:
    """Adapt to every test task; the error by number of inner steps."""
    source = FunctionEpisodes(Sinusoids(), n_support=10, n_query=100, n_episodes=1, seed=TEST_SEED)
    found = {}
    for n_steps in STEPS:
        interval = evaluate_episodes(model.with_steps(n_steps), source, n_episodes=N_TEST_TASKS).interval
        found[str(n_steps)] = {"mean": round(interval.mean, 4), "half_width": round(interval.half_width, 4)}
    return found


def show(seed: int, name: str, row: dict[str, Any]) -> None:
    figures = "   ".join(
        f"{n:>2} steps {figure['mean']:.3f} ± {figure['half_width']:.3f}"
        for n, figure in row["error"].items()
    )
    speed = f"   {row['milliseconds_per_iteration']} ms/iteration" if "seconds" in row else ""
    print(f"seed {seed}  {name:<18}  {figures}{speed}", flush=True)


if __name__ == "__main__":
    main()
