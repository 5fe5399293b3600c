"""Which learner for a new table: one for all, a portfolio, or what suited the most similar tasks?

Run: ``python benchmarks/quality/learner_choice.py`` (a minute of one core). Writes
``results/learner-choice.json``.

The tasks are targets of Mulan's small tables, six of a table at most. Of each table and seed, 30 % of the
rows test; of the others at most 200 train, in three folds. Twelve configurations of scikit-learn's learners
are logged by their cross-validated RRMSE: the root of the squared error over that of the training mean.
Then each family of tables (atp1d and atp7d are one) is left out with all its targets, and a strategy names
configurations to try from the log of the others; of these the one with the least cross-validated error on the
new task's training rows is used. So the test rows choose nothing. A regret is that of the test error: 0 for
the best of the twelve, 1 for the worst.

Targets of a family are much alike, so the intervals that count are over families, each by the mean over its
targets and seeds; those over tasks, as if independent, are narrower.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import write_results
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR

from polytask.core import Batch, generator, mean_interval
from polytask.datasets import mulan_table
from polytask.selection.described_task import TaskFeatures, task_features
from polytask.selection.first_choices import warm_start
from polytask.selection.portfolio import greedy_portfolio
from polytask.selection.run_log import RunLog

RESULTS = Path(__file__).parent / "results" / "learner-choice.json"
TABLES = (
    *("andro", "atp1d", "atp7d", "edm", "enb", "jura", "oes10", "oes97"),
    *("osales", "scpf", "sf1", "sf2", "slump", "wq"),
)
FAMILIES = {"atp1d": "atp", "atp7d": "atp", "oes10": "oes", "oes97": "oes", "sf1": "sf", "sf2": "sf"}
"""Tables of the same source; the others are a family each."""
N_TRIES, N_FOLDS, MOST_ROWS, MOST_TARGETS = 3, 3, 200, 6

CONFIGURATIONS: dict[str, Callable[[int], Any]] = {
    "mean": lambda _: DummyRegressor(),
    "ridge 1": lambda _: Ridge(alpha=1.0),
    "ridge 100": lambda _: Ridge(alpha=100.0),
    "lasso 0.1": lambda _: Lasso(alpha=0.1),
    "kernel ridge, wide": lambda d: KernelRidge(kernel="rbf").set_params(alpha=0.1, gamma=0.1 / d),
    "kernel ridge, narrow": lambda d: KernelRidge(kernel="rbf").set_params(alpha=0.1, gamma=1 / d),
    "support vectors": lambda d: SVR(C=10.0).set_params(gamma=0.3 / d),
    "3 neighbours": lambda _: KNeighborsRegressor(3, weights="distance"),
    "15 neighbours": lambda _: KNeighborsRegressor(15, weights="distance"),
    "random forest": lambda _: RandomForestRegressor(20, max_features=0.2, random_state=0),
    "extra trees": lambda _: ExtraTreesRegressor(20, max_features=0.2, random_state=0),
    "boosted trees": lambda _: GradientBoostingRegressor(
        n_estimators=50, max_features=0.1, subsample=0.5, random_state=0
    ),
}
ONE_TARGET = ("support vectors", "random forest", "extra trees", "boosted trees")
"""Fitted to each target by itself; the others treat targets as if alone in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A task: its family of tables, and its errors by configuration, cross-validated and on the test rows."""

    family: str
    name: str
    validated: list[float]
    tested: list[float]
    features: TaskFeatures


def predict(name: str, inputs: np.ndarray, targets: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fit a configuration and answer new rows, ``[row, target]``."""
    make = CONFIGURATIONS[name]
    if name not in ONE_TARGET:
        return make(inputs.shape[1]).fit(inputs, targets).predict(new).reshape(len(new), -1)
    each = [make(inputs.shape[1]).fit(inputs, target).predict(new) for target in targets.T]
    return np.stack(each, axis=1)


def run_table(name: str, seed: int) -> list[Logged]:
    """Run every configuration on every target of a table."""
    table = mulan_table(name)
    spaced = np.linspace(0, len(table.tasks) - 1, min(len(table.tasks), MOST_TARGETS)).round().astype(int)
    table = table.only([table.tasks[number].name for number in spaced])
    order = torch.randperm(len(table), generator=generator(seed, "split", name))
    n_test = round(0.3 * len(order))
    test, train = order[:n_test], order[n_test:][:MOST_ROWS]
    data = table.standardized(train)[0]  # targets too: the training mean is 0
    assert not data.masks, f"{name} has rows without a label"
    targets = np.stack([data.targets[task.name].numpy() for task in table.tasks], axis=1).astype(np.float64)
    inputs = np.asarray(data.inputs, dtype=np.float64)
    x, y, x_test, y_test = inputs[train], targets[train], inputs[test], targets[test]
    folds = list(KFold(N_FOLDS).split(x))
    validated, tested = [], []
    for configuration in CONFIGURATIONS:
        wrong = np.zeros(y.shape[1])
        for rest, left_out in folds:
            wrong += ((predict(configuration, x[rest], y[rest], x[left_out]) - y[left_out]) ** 2).sum(0)
        validated.append(np.sqrt(wrong / (y**2).sum(0)))
        wrong = ((predict(configuration, x, y, x_test) - y_test) ** 2).sum(0)
        tested.append(np.sqrt(wrong / (y_test**2).sum(0)))
    raw = Batch(inputs=table.data.inputs, targets=table.data.targets).rows(train)
    return [
        Logged(
            family=FAMILIES.get(name, name),
            name=f"{name}: {task.name}",
            validated=[float(errors[number]) for errors in validated],
            tested=[float(errors[number]) for errors in tested],
            features=task_features(task, raw.only([task.name])),
        )
        for number, task in enumerate(table.tasks)
        if (y[:, number] ** 2).sum() > 0 and (y_test[:, number] ** 2).sum() > 0
    ]


def log_of(tasks: Sequence[Logged]) -> RunLog:
    return RunLog(
        tasks=tuple(task.name for task in tasks),
        configurations=tuple(CONFIGURATIONS),
        scores=torch.tensor([task.validated for task in tasks]),
        higher_is_better=False,
        feature_names=tasks[0].features.names,
        features=torch.stack([task.features.values for task in tasks]),
    )


def strategies(task: Logged, log: RunLog) -> dict[str, list[tuple[str, ...]]]:
    """Return what each strategy would try; several equally likely lists where it draws at random."""
    names = tuple(CONFIGURATIONS)
    return {
        "best single": [greedy_portfolio(log, size=1).configurations],
        f"portfolio of {N_TRIES}": [greedy_portfolio(log, size=N_TRIES).configurations],
        "warm start, 1 try": [warm_start(log, task.features, size=1)],
        f"warm start, {N_TRIES} tries": [warm_start(log, task.features, size=N_TRIES)],
        "random 1": [(name,) for name in names],
        f"random {N_TRIES}": list(itertools.combinations(names, N_TRIES)),
        f"all {len(names)}": [names],
    }


def judged(task: Logged, lists: Sequence[tuple[str, ...]]) -> tuple[float, float]:
    """Return the regret and the test error of what cross-validation picks from a list, on average."""
    names = list(CONFIGURATIONS)
    best, worst = min(task.tested), max(task.tested)
    errors = []
    for tried in lists:
        numbers = [names.index(name) for name in tried]
        errors.append(task.tested[min(numbers, key=lambda number: task.validated[number])])
    error = sum(errors) / len(errors)
    return (error - best) / (worst - best), error


def summary(
    families: Sequence[str], found: dict[str, dict[str, list[tuple[float, float]]]]
) -> dict[str, Any]:
    """Return figures by strategy.

    Args:
        families: The family of each task.
        found: By strategy and task, the regret and the error for each seed.
    """
    regrets = {
        strategy: np.array([np.mean([regret for regret, _ in runs]) for runs in tasks.values()])
        for strategy, tasks in found.items()
    }
    where = np.array(families)

    def by_family(values: np.ndarray) -> str:
        return mean_interval(
            [float(values[where == family].mean()) for family in dict.fromkeys(families)]
        ).format(3)

    rows: dict[str, Any] = {}
    for strategy, values in regrets.items():
        errors = np.array([np.mean([e for _, e in runs]) for runs in found[strategy].values()])
        rows[strategy] = {
            "regret over families": by_family(values),
            "regret over tasks": mean_interval(values.tolist()).format(3),
            "RRMSE over families": by_family(errors),
        }
        for other in ("best single", f"random {N_TRIES}"):
            if other != strategy:
                rows[strategy][f"regret less that of {other}, over families"] = by_family(
                    values - regrets[other]
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()  # of one core, whatever else the machine does
    runs: dict[int, list[Logged]] = {}
    for seed in asked.seed:
        runs[seed] = []
        for name in asked.tables:
            runs[seed] += run_table(name, seed)
            print(seed, name, round(time.process_time() - start), "s", flush=True)
    everywhere = set.intersection(*({task.name for task in tasks} for tasks in runs.values()))
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    families: dict[str, str] = {}
    for tasks in runs.values():
        kept = [task for task in tasks if task.name in everywhere]
        for task in kept:
            families[task.name] = task.family
            log = log_of([other for other in kept if other.family != task.family])
            for strategy, lists in strategies(task, log).items():
                found.setdefault(strategy, {}).setdefault(task.name, []).append(judged(task, lists))
    figures: dict[str, Any] = {"strategies": summary(list(families.values()), found)}
    whole = log_of([task for task in runs[asked.seed[0]] if task.name in everywhere])
    figures["portfolio of all tables, first seed"] = list(
        greedy_portfolio(whole, size=N_TRIES).configurations
    )
    figures["tasks"] = {"families": len(set(families.values())), "targets": len(families)}
    figures["processor seconds"] = round(time.process_time() - start)
    for strategy, row in figures["strategies"].items():
        print(f"{strategy:22}", row)
    setting = {
        "seeds": asked.seed,
        "tables": asked.tables,
        "configurations": list(CONFIGURATIONS),
        "test share": 0.3,
        "most training rows": MOST_ROWS,
        "most targets of a table": MOST_TARGETS,
        "folds": N_FOLDS,
        "tries": N_TRIES,
    }
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=asked.seed,
        split="a family of tables left out; 30 % of the rows judged, by seed",
    )


if __name__ == "__main__":
    main()
