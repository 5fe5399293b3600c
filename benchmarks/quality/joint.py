"""Joint against separate training on sets with several tasks; every method has the same number of trials.

    python benchmarks/quality/joint.py sarcos tox21 census fashion multi-mnist spoken-digits

For each set and seed: a network per task; one network with equal weights; the best of several fixed
weightings; and methods that balance. All have the same trunk and steps, keep the best of their validated
weights, and get the same number of trials, of which the validation part chooses one: learning rates, or for
fixed weights weightings at the rate that was best for equal ones. Writes results/joint-SET.json and prints a
table.

Gains are over a network per task, in percent of its first metric, with 95 % intervals over seeds that allow
for overlapping splits (Nadeau, Bengio, Machine Learning 2003).
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from joint_sets import CASES, Case, Parts
from overlaps import overlap  # beside this file
from results import write_results
from torch import Tensor
from torch.optim import Adam, Optimizer

from polytask.architectures import HardSharing
from polytask.balancing import Balancer, balancer_by_name
from polytask.balancing.methods import FixedWeights
from polytask.core import Learner, SharedModel, Task, derive_seed, generator, mean_interval, seeded
from polytask.data import JointSource
from polytask.evaluate import delta_m, evaluate, metric_names
from polytask.evaluate.jackknife import p_values_of
from polytask.evaluate.metrics import higher_is_better
from polytask.relate import verdicts
from polytask.train import Validation, train

RESULTS = Path(__file__).parent / "results"
METHODS = ("uncertainty", "famo", "db-mtl", "upgrad", "nash-mtl")
Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trained model: its score on the validation part, and its metrics on the test part."""

    score: float
    metrics: Metrics
    rate: float


def build(case: Case, tasks: Sequence[Task], seed: int) -> SharedModel:
    with seeded(seed, "initialization"):
        trunk, heads = case.parts_of_model(tasks)
        return SharedModel(tasks, HardSharing(trunk), heads)


def score_of(tasks: Sequence[Task], metrics: Metrics) -> float:
    """Average the first metrics, each turned so that more is better."""
    signed = [
        metrics[task.name][metric] * (1 if higher_is_better(task, metric) else -1)
        for task in tasks
        for metric in metric_names(task)[:1]
    ]
    return sum(signed) / len(signed)


def fit(
    case: Case, parts: Parts, tasks: Sequence[Task], seed: int, rate: float, balancer: Balancer | None = None
) -> Trial:
    learner = build(case, tasks, seed)

    def validate(model: Learner) -> Validation:
        found = evaluate(model.adapt(tasks), parts.validation)
        return Validation(score=score_of(tasks, found), metrics={})

    def optimizer(parameters: list[torch.nn.Parameter]) -> Optimizer:
        return Adam(parameters, lr=rate, weight_decay=case.weight_decay)

    done = train(
        learner,
        JointSource(tasks, parts.train, batch_size=case.batch_size, seed=derive_seed(seed, "order")),
        n_steps=case.n_steps,
        balancer=balancer,
        optimizer=optimizer,
        schedule=lambda step: min(1.0, 2 * (1 - step / case.n_steps) + 0.02),
        validate=validate,
        validate_every=max(case.n_steps // 12, 1),
        engine="features",
        seed=seed,
    )
    assert done.best_score is not None
    return Trial(done.best_score, evaluate(learner.adapt(tasks), parts.test), rate)


def best(trials: Sequence[Trial]) -> Trial:
    return max(trials, key=lambda trial: trial.score)


def separate(case: Case, parts: Parts, seed: int) -> Metrics:
    found: dict[str, Mapping[str, float]] = {}
    for task in parts.tasks:
        found |= best([fit(case, parts, [task], seed, rate) for rate in case.rates]).metrics
    return found


def weightings(names: Sequence[str], count: int, seed: int) -> list[dict[str, float]]:
    """Draw weightings of mean 1, spread over the simplex."""
    draws = -torch.rand(count, len(names), generator=generator(seed, "weights")).log()
    shares: Tensor = draws / draws.sum(1, keepdim=True) * len(names)
    return [dict(zip(names, row)) for row in shares.tolist()]


def run(case: Case, seed: int) -> tuple[dict[str, Metrics], dict[str, float]]:
    """Return the metrics of every method, and the seconds it took."""
    parts = case.load(seed)
    names = [task.name for task in parts.tasks]
    found: dict[str, Metrics] = {}
    seconds: dict[str, float] = {}

    def measure(name: str, make: Callable[[], Metrics]) -> None:
        start = time.perf_counter()
        found[name] = make()
        seconds[name] = round(time.perf_counter() - start, 1)

    measure("separate", lambda: separate(case, parts, seed))
    trials: list[Trial] = []

    def equal() -> Metrics:
        trials.extend(fit(case, parts, parts.tasks, seed, rate) for rate in case.rates)
        return best(trials).metrics

    measure("equal", equal)
    rate = best(trials).rate
    measure(
        "fixed grid",
        lambda: (
            best(
                [
                    fit(case, parts, parts.tasks, seed, rate, FixedWeights(weights))
                    for weights in weightings(names, len(case.rates), seed)
                ]
            ).metrics
        ),
    )
    for method in METHODS:
        measure(
            method,
            lambda method=method: (
                best(
                    [
                        fit(case, parts, parts.tasks, seed, r, balancer_by_name(method, names))
                        for r in case.rates
                    ]
                ).metrics
            ),
        )
    return found, seconds


def summary(case: Case, seeds: Mapping[int, dict[str, Metrics]], parts: Parts) -> dict[str, Any]:
    """Return by method: the metrics, Δm and the verdict of each task, over seeds."""
    ratio = overlap(len(parts.test), len(parts.train)) if case.resplit else 0.0
    tasks = parts.tasks
    separate_runs = [run["separate"] for run in seeds.values()]
    rows: dict[str, Any] = {}
    for method in next(iter(seeds.values())):
        runs = [run[method] for run in seeds.values()]
        rows[method] = {
            "metrics": {
                task.name: mean_interval(
                    [found[task.name][metric_names(task)[0]] for found in runs], test_over_train=ratio
                ).format(4)
                for task in tasks
            },
            "mean metric": mean_interval(
                [sum(f[t.name][metric_names(t)[0]] for t in tasks) / len(tasks) for f in runs],
                test_over_train=ratio,
            ).format(4),
        }
        if method != "separate":
            gains = [delta_m(tasks, joint, alone) for joint, alone in zip(runs, separate_runs)]
            rows[method]["delta_m"] = mean_interval(gains, test_over_train=ratio).format(2)
            judged = verdicts(tasks, runs, separate_runs, test_over_train=ratio)
            rows[method]["tasks"] = {v.task: f"{v.outcome} ({v.gain.format(2)})" for v in judged}
            rows[method]["p-values, Holm"] = {
                task: None if p is None else round(p, 4)
                for task, p in p_values_of({v.task: v.gain for v in judged}).items()
            }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=list(CASES))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.sets:
        case = CASES[name]
        runs, times = {}, {}
        for seed in asked.seed:
            runs[seed], times[seed] = run(case, seed)
            print(name, "seed", seed, times[seed], flush=True)
        parts = case.load(asked.seed[0])
        rows = summary(case, runs, parts)
        for method, row in rows.items():
            print(f"{name:14} {method:12} {row['mean metric']:>18}  Δm {row.get('delta_m', '')}", flush=True)
        setting = {
            "seeds": asked.seed, "rows": [len(parts.train), len(parts.validation), len(parts.test)],
            "steps": case.n_steps, "batch size": case.batch_size, "rates": case.rates,
            "trials per method": len(case.rates), "metric": metric_names(parts.tasks[0])[0],
            "model": case.about,
        }  # fmt: skip
        figures = {"methods": rows, "seconds": times, "by seed": runs}
        write_results(
            RESULTS / f"joint-{name}.json",
            setting=setting,
            figures=figures,
            seed=asked.seed,
            split="by seed" if case.resplit else "the official test part",
        )


if __name__ == "__main__":
    main()
