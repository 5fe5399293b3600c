"""Mulan's multi-target tables: joint networks against forests and boosted trees, one a target.

Run: ``python benchmarks/quality/mulan.py`` (about an hour; name tables to run only those). Adds to
``results/mulan.json``.

The figure is aRRMSE: the mean over targets of the root of the squared error over that of the training mean;
less is better, 1 is what the mean itself gets. Rows are split 60/20/20 by each seed. Every method has three
trials (the forest one on large tables), of which the validation part chooses one; networks also keep their
best validated weights. A network is an ensemble of eight (TabM). Networks for single targets are left out on
tables of more than 5,000 rows.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from overlaps import overlap  # beside this file
from results import write_results
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from polytask.architectures import HardSharing
from polytask.balancing import Balancer
from polytask.balancing.methods import FixedWeights, UncertaintyWeighting
from polytask.core import (
    Batch,
    Learner,
    SharedModel,
    Task,
    derive_seed,
    generator,
    mean_interval,
    seeded,
)
from polytask.data import JointSource
from polytask.datasets import mulan_table
from polytask.datasets.mulan import MULAN_TABLES
from polytask.encoders import TabM
from polytask.encoders.tabm import TabMHead, member_task
from polytask.train import Validation, train

OVERLAP = overlap(20, 60)  # of 100 rows 20 are judged, 60 trained on
RESULTS = Path(__file__).parent / "results" / "mulan.json"
RATES = (1e-3, 3e-3, 1e-2)
WIDTHS, MEMBERS = [96, 96], 8
LARGE = 5000
Errors = dict[str, float]
Trial = tuple[float, Errors]
"""The validation figure, and the test figure of every target."""


def errors(tasks: Sequence[Task], answers: dict[str, Tensor], data: Batch) -> Errors:
    """Return RRMSE by target; targets are standardized, so that the training mean is 0."""
    found = {}
    for task in tasks:
        target = data.targets[task.name]
        known = data.masks.get(task.name, torch.ones(len(target), dtype=torch.bool))
        difference = (answers[task.name].reshape(-1) - target)[known].square().sum()
        found[task.name] = float((difference / target[known].square().sum()).sqrt())
    return found


def average(found: Errors) -> float:
    return sum(found.values()) / len(found)


def network(
    tasks: Sequence[Task], parts: Sequence[Batch], seed: int, rate: float, balancer: Balancer | None = None
) -> Trial:
    rows, validation, test = parts
    assert isinstance(rows.inputs, Tensor)
    asked = [member_task(task) for task in tasks]
    with seeded(seed, "initialization"):
        trunk = TabM(rows.inputs.shape[1], WIDTHS, n_members=MEMBERS, dropout=0.1)
        heads: dict[str, nn.Module] = {t.name: TabMHead(t, WIDTHS[-1], n_members=MEMBERS) for t in asked}
        learner = SharedModel(asked, HardSharing(trunk), heads)
    n_steps = 1000 if len(rows) > LARGE * 0.6 else 300

    def validate(model: Learner) -> Validation:
        answers = model.adapt(asked)(validation.inputs)
        return Validation(score=-average(errors(asked, answers, validation)), metrics={})

    def optimizer(parameters: list[nn.Parameter]) -> Optimizer:
        return AdamW(parameters, lr=rate, weight_decay=1e-2)

    done = train(
        learner,
        JointSource(
            asked, rows, batch_size=min(256, max(16, len(rows) // 4)), seed=derive_seed(seed, "order")
        ),
        n_steps=n_steps,
        balancer=balancer,
        optimizer=optimizer,
        schedule=lambda step: 1 - step / n_steps,
        validate=validate,
        validate_every=n_steps // 20,
        seed=seed,
    )
    assert done.best_score is not None
    with torch.no_grad():
        return -done.best_score, errors(asked, learner.adapt(asked)(test.inputs), test)


def trees(make: Callable[[], Any], tasks: Sequence[Task], parts: Sequence[Batch]) -> Trial:
    """Fit one model a target, on the rows that have it."""
    rows, *judged = parts
    answers: list[dict[str, Tensor]] = [{} for _ in judged]
    for task in tasks:
        known = rows.masks.get(task.name, torch.ones(len(rows), dtype=torch.bool))
        model = make().fit(np.asarray(rows.inputs)[known.numpy()], rows.targets[task.name][known].numpy())
        for found, part in zip(answers, judged):
            found[task.name] = torch.from_numpy(model.predict(np.asarray(part.inputs))).float()
    validation, test = (errors(tasks, found, part) for found, part in zip(answers, judged))
    return average(validation), test


def best(trials: Sequence[Trial]) -> Errors:
    return min(trials, key=lambda trial: trial[0])[1]


def run(name: str, seed: int) -> dict[str, Errors]:
    """Return RRMSE by method and target."""
    table = mulan_table(name)
    tasks = table.tasks
    order = torch.randperm(len(table), generator=generator(seed, "split"))
    rows = order.tensor_split([round(0.6 * len(order)), round(0.8 * len(order))])
    data = table.standardized(rows[0])[0]
    parts = [data.rows(part) for part in rows]
    names = [task.name for task in tasks]
    found: dict[str, Errors] = {}
    found["random forest per target"] = best(
        [
            trees(
                lambda share=share: RandomForestRegressor(100, max_features=share, random_state=seed),
                tasks,
                parts,
            )
            for share in ((1 / 3,) if len(table) > LARGE else (1 / 3, 2 / 3, 1.0))
        ]
    )
    found["boosted trees per target"] = best(
        [
            trees(
                lambda rate=rate: HistGradientBoostingRegressor(learning_rate=rate, random_state=seed),
                tasks,
                parts,
            )
            for rate in (0.03, 0.1, 0.2)
        ]
    )
    if len(table) <= LARGE:
        found["network per target"] = {}
        for task in tasks:
            found["network per target"] |= best([network([task], parts, seed, rate) for rate in RATES])
    equal = [network(tasks, parts, seed, rate) for rate in RATES]
    found["joint network, equal weights"] = best(equal)
    rate = RATES[min(range(len(RATES)), key=lambda position: equal[position][0])]
    draws = -torch.rand(len(RATES), len(names), generator=generator(seed, "weights")).log()
    grid = (draws / draws.sum(1, keepdim=True) * len(names)).tolist()
    found["joint network, fixed grid"] = best(
        [network(tasks, parts, seed, rate, FixedWeights(dict(zip(names, weights)))) for weights in grid]
    )
    found["joint network, uncertainty"] = best(
        [network(tasks, parts, seed, rate, UncertaintyWeighting(names)) for rate in RATES]
    )
    return found


def summary(runs: Sequence[dict[str, Errors]]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for method in runs[0]:
        values = [average(found[method]) for found in runs]
        rows[method] = {"aRRMSE": mean_interval(values, test_over_train=OVERLAP).format(3)}
        if method.startswith("joint"):
            for other in ("random forest", "boosted trees", "network"):
                if f"{other} per target" in runs[0]:
                    less = [
                        value - average(found[f"{other} per target"]) for value, found in zip(values, runs)
                    ]
                    rows[method][f"over {other} per target"] = mean_interval(
                        less, test_over_train=OVERLAP
                    ).format(3)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(MULAN_TABLES))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
    for name in asked.tables:
        start = time.perf_counter()
        figures[name] = summary([run(name, seed) for seed in asked.seed])
        figures[name]["seconds"] = round(time.perf_counter() - start)
        best_of = {method: row["aRRMSE"] for method, row in figures[name].items() if method != "seconds"}
        print(name, best_of, figures[name]["seconds"], "s", flush=True)
        setting = {
            "seeds": asked.seed, "split": "60/20/20 by rows", "trials per method": len(RATES),
            "network": f"TabM, {MEMBERS} members, {WIDTHS}, dropout 0.1",
        }  # fmt: skip
        write_results(
            RESULTS, setting=setting, figures=figures, seed=asked.seed, split="60/20/20 by rows, by seed"
        )


if __name__ == "__main__":
    main()
