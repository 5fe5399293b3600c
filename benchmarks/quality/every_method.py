"""Every balancer and every architecture on three sets, with as many trials each: which method when?

    python benchmarks/quality/every_method.py                 # an hour; goes on where it stopped
    python benchmarks/quality/every_method.py --sets wq --seed 0
    python benchmarks/quality/every_method.py --continue      # with the cells of the results file
    python benchmarks/quality/every_method.py --report        # only what all cells are there of

Each balancer trains hard sharing, and each architecture is trained with equal weights; beside them stand
networks of single tasks and fixed weightings that the validation part chooses. All have the same width, steps
and number of trials: learning rates, of which the validation part chooses one (fixed weightings are tried at
the rate that is best for equal ones). A balancer that learns from validation rows gets a fifth of the
training rows for that. Balancers that look at a Gramian see it at the features.

Gains are over equal weights with hard sharing, in percent of the first metric of each task, with intervals
over seeds that allow for overlapping splits; p-values are adjusted for all methods of a set. Every cell is
kept in ``runs/every-method``, so that a run goes on where it stopped. Writes results/every-method.json.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from joint import Metrics, Trial, best, score_of, weightings
from joint_sets import Parts, molecules, sarcos, split, standardized
from overlaps import overlap
from results import write_results
from torch.optim import Adam, Optimizer

from polytask.architectures import architecture_names
from polytask.architectures.catalogue import architecture_entry
from polytask.architectures.entry import TablePlan
from polytask.balancing import Balancer, balancer_by_name, balancer_names
from polytask.balancing.methods import FixedWeights
from polytask.core import Learner, SharedModel, Task, derive_seed, mean_interval, seeded
from polytask.core.files import write_atomically
from polytask.data import JointSource
from polytask.datasets import mulan_table
from polytask.evaluate import delta_m, evaluate, metric_names
from polytask.evaluate.jackknife import p_values_of
from polytask.train import Validation, train

ROOT = Path(__file__).resolve().parents[2]
CELLS, RESULTS = ROOT / "runs" / "every-method", Path(__file__).parent / "results" / "every-method.json"
SPLIT = "by seed, 60/20/20 or 70/10/20"
SINGLE, FIXED = "networks of single tasks", "fixed weights, tuned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """A set, and what is trained on it."""

    load: Any
    width: int
    n_steps: int
    batch_size: int
    dropout: float = 0.0
    rates: tuple[float, ...] = (1e-3, 3e-3)


def water(seed: int) -> Parts:
    found = mulan_table("wq")
    return standardized(found, split(len(found), seed))


SETS = {
    "sarcos": Set(load=sarcos, width=128, n_steps=600, batch_size=128),
    "tox21": Set(load=molecules, width=256, n_steps=240, batch_size=256, dropout=0.5),
    "wq": Set(load=water, width=96, n_steps=300, batch_size=64, dropout=0.1),
}


def networks(tasks: Sequence[Task], n_features: int, of: Set, architecture: str, seed: int) -> SharedModel:
    plan = TablePlan(
        names=[task.name for task in tasks], n_features=n_features, width=of.width, dropout=of.dropout
    )
    entry = architecture_entry(architecture)
    asked = [entry.trained(task) for task in tasks]
    with seeded(seed, "initialization"):
        sharing = entry.build(plan)
        return SharedModel(asked, sharing, {task.name: entry.head(plan, task) for task in asked})


def fit(
    parts: Parts, of: Set, seed: int, rate: float, balancer: Balancer | None, architecture: str = "hard"
) -> Trial:
    tasks, rows = parts.tasks, parts.train
    assert isinstance(rows.inputs, torch.Tensor)
    learner = networks(tasks, rows.inputs.shape[1], of, architecture, seed)
    asked = learner.tasks
    held_out = None
    if balancer is not None and balancer.needs == "validation":
        order = torch.arange(len(rows))
        held_out = JointSource(asked, rows.rows(order % 5 == 0), batch_size=of.batch_size, seed=seed)
        rows = rows.rows(order % 5 != 0)

    def validate(model: Learner) -> Validation:
        return Validation(score=score_of(tasks, evaluate(model.adapt(asked), parts.validation)), metrics={})

    def optimizer(parameters: list[torch.nn.Parameter]) -> Optimizer:
        return Adam(parameters, lr=rate, weight_decay=1e-5)

    done = train(
        learner,
        JointSource(asked, rows, batch_size=of.batch_size, seed=derive_seed(seed, "order")),
        n_steps=of.n_steps,
        balancer=balancer,
        optimizer=optimizer,
        schedule=lambda step: min(1.0, 2 * (1 - step / of.n_steps) + 0.02),
        validate=validate,
        validate_every=max(of.n_steps // 12, 1),
        engine="features" if balancer is not None and balancer.needs == "gramian" else "auto",
        validation_source=held_out,
        seed=seed,
    )
    assert done.best_score is not None
    return Trial(done.best_score, evaluate(learner.adapt(asked), parts.test), rate)


def measured(method: str, parts: Parts, of: Set, seed: int) -> Metrics:
    """Return the test metrics of the trial that the validation part chooses."""
    names = [task.name for task in parts.tasks]
    kind, _, name = method.partition(":")
    if method == SINGLE:
        found: dict[str, Mapping[str, float]] = {}
        for task in parts.tasks:
            alone = replace(parts, tasks=(task,))
            found |= best([fit(alone, of, seed, rate, None) for rate in of.rates]).metrics
        return found
    if method == FIXED:
        rate = best([fit(parts, of, seed, rate, None) for rate in of.rates]).rate
        tried = weightings(names, len(of.rates), seed)
        return best([fit(parts, of, seed, rate, FixedWeights(weights)) for weights in tried]).metrics
    if kind == "architecture":
        return best([fit(parts, of, seed, rate, None, name) for rate in of.rates]).metrics
    return best([fit(parts, of, seed, rate, balancer_by_name(name, names)) for rate in of.rates]).metrics


def cell_path(method: str, name: str, seed: int) -> Path:
    return CELLS / f"{name}-{seed}-{method.replace(':', '-').replace(' ', '-')}.json"


def complete(name: str, seeds: Sequence[int]) -> bool:
    return all(cell_path(method, name, seed).exists() for method in methods() for seed in seeds)


def cell(method: str, name: str, seed: int) -> dict[str, Any]:
    """Return what a method reaches on a set, from its file where it has one."""
    path = cell_path(method, name, seed)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    of = SETS[name]
    parts = of.load(seed)
    begun = time.process_time()
    try:
        found: dict[str, Any] = {"metrics": measured(method, parts, of, seed)}
    except ArithmeticError as error:  # it diverged with every rate
        found = {"failed": str(error).splitlines()[0]}
    found["cpu seconds"] = round(time.process_time() - begun, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(json.dumps(found).encode()))
    return found


def take_over() -> None:
    """Write the cells of the results file that are not there: whoever asks has not changed the methods."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]["cells"]
    for path, found in ((CELLS / name, found) for name, found in stored.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_atomically(path, lambda file, found=found: file.write(json.dumps(found).encode()))


def stored_cells() -> dict[str, Any]:
    """Return all cells that there are, by the names of their files, with metrics rounded."""
    return {
        path.name: json.loads(
            path.read_text(encoding="utf-8"), parse_float=lambda text: round(float(text), 6)
        )
        for path in sorted(CELLS.glob("*.json"))
    }


def methods() -> list[str]:
    balancers = [f"balancer:{name}" for name in balancer_names()]
    return [
        "balancer:equal",
        SINGLE,
        FIXED,
        *balancers[1:],
        *(f"architecture:{n}" for n in architecture_names()),
    ]


def compared(tasks: Sequence[Task], ratio: float, cells: Mapping[str, list[dict[str, Any]]]) -> Any:
    """Return the gain of each method over equal weights; p-values are adjusted for all methods."""
    lines, gains = {}, {}
    for method, found in cells.items():
        failed = [one["failed"] for one in found if "failed" in one]
        if failed:
            lines[method] = {"failed": failed[0]}
            continue
        pairs = list(zip(found, cells["balancer:equal"], strict=True))
        gain = mean_interval(
            [delta_m(tasks, own["metrics"], equal["metrics"]) for own, equal in pairs], test_over_train=ratio
        )
        gains[method] = gain
        metric = [
            sum(own["metrics"][task.name][metric_names(task)[0]] for task in tasks) / len(tasks)
            for own in found
        ]
        seconds = [own["cpu seconds"] / equal["cpu seconds"] for own, equal in pairs]
        clear = abs(gain.mean) > gain.half_width
        lines[method] = {
            "gain": gain.format(2),
            "verdict": ("better" if gain.mean > 0 else "worse") if clear else "no clear difference",
            "mean metric": round(sum(metric) / len(metric), 4),
            "time": round(sum(seconds) / len(seconds), 2),
        }  # fmt: skip
    others = {method: gain for method, gain in gains.items() if method != "balancer:equal"}
    for method, p in p_values_of(others).items():
        lines[method]["p-value, Holm"] = None if p is None else round(p, 4)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--continue", action="store_true", dest="resume", help="with the committed cells")
    parser.add_argument("--report", action="store_true", help="only of the sets all of whose cells are there")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.resume:
        take_over()
    figures: dict[str, Any] = {}
    for name in [name for name in asked.sets if not asked.report or complete(name, asked.seed)]:
        cells: dict[str, list[dict[str, Any]]] = {method: [] for method in methods()}
        for seed in asked.seed:
            for method, found in cells.items():
                found.append(cell(method, name, seed))
                print(name, seed, method, found[-1].get("failed", found[-1]["cpu seconds"]), flush=True)
        parts = SETS[name].load(asked.seed[0])
        ratio = overlap(len(parts.test), len(parts.train))
        figures[name] = compared(parts.tasks, ratio, cells)
        for method, line in figures[name].items():
            print(f"{name:8} {method:28} {line}")
    setting = {
        "seeds": asked.seed, "trials": 2, "sets": {
            name: f"{of.n_steps} steps of {of.batch_size} rows, two layers of {of.width}"
            for name, of in SETS.items()
            if name in figures
        },
        "metric": "gain over equal weights, percent of each task's first metric, averaged",
    }  # fmt: skip
    figures["cells"] = stored_cells()
    write_results(
        RESULTS, setting=setting, figures=figures, seed=asked.seed, split="by seed, 60/20/20 or 70/10/20"
    )


if __name__ == "__main__":
    main()
