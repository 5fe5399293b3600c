"""The default of `polytask.fit` against trees, linear models and single-target networks, on 20 tables.

    python benchmarks/quality/tables.py                      # everything; hours on two cores, and resumable
    python benchmarks/quality/tables.py --table enb --seed 0 # some cells
    python benchmarks/quality/tables.py --continue           # take over the cells of the results file first
    python benchmarks/quality/tables.py --report             # only the summary of the cells that are there

Each seed holds 30 % of the rows out (whole groups where there are groups), and every method learns from the
others with its defaults. Rivals are encoded here in the usual way, so that nothing of polytask decides how
well they do. A cell (method, table, seed) is a file in the folder of cells; one that is there is not done
again. The summary goes to ``results/tables.json``: for every target the first metric (RMSE in standard
deviations of the training rows; share of wrong classes) and the log loss of classes, averaged over seeds;
ranks and win rates over targets, and over tables (each table's targets count as one).
"""

import argparse
import importlib
import json
import math
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from results import write_results
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from table_sets import TABLES, TableSet

import polytask
from polytask.core.files import write_atomically

RESULTS = Path(__file__).parent / "results" / "tables.json"
CELLS = Path("runs/tables")
SEEDS = (0, 1, 2)
HELD_OUT = 0.3
FIRST = "polytask, default"
MOST_COLUMNS_TIMES_TARGETS = 1700  # beyond, CatBoost takes 15 to 26 s a target: one split then, not three
Answers = Mapping[str, np.ndarray]
"""By target: numbers ``[row]``, or probabilities ``[row, class]``."""
Values = dict[tuple[str, str, str], dict[str, dict[int, float]]]
"""By table, target and metric: by method, by seed."""


def split(table: TableSet, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hold rows out, or whole groups."""
    kind = GroupShuffleSplit if table.group else ShuffleSplit
    groups = table.frame[table.group] if table.group else None
    train, test = next(kind(1, test_size=HELD_OUT, random_state=seed).split(table.frame, groups=groups))
    return train, test


def classes_of(table: TableSet, target: str) -> list[str]:
    return sorted(table.frame[target].dropna().unique())


# Methods: from a table, its training rows and held-out rows to answers.


def ours(table: TableSet, train: np.ndarray, test: np.ndarray, **settings: Any) -> Answers:
    model = polytask.fit(
        table.frame.iloc[train], table.targets, group=table.group, baselines=False, **settings
    )
    return from_model(model, table, test, list(table.targets))


def from_model(model: Any, table: TableSet, test: np.ndarray, targets: Sequence[str]) -> Answers:
    predicted = model.predict(table.frame.iloc[test].drop(columns=list(table.targets)))
    answers = {}
    for target in targets:
        if table.targets[target] == "regression":
            answers[target] = predicted[target].to_numpy()
        else:
            columns = [f"{target}:p({name})" for name in classes_of(table, target)]
            answers[target] = predicted.reindex(columns=columns, fill_value=0.0).to_numpy()
    return answers


def single_networks(table: TableSet, train: np.ndarray, test: np.ndarray) -> Answers:
    """A model of each target alone, of the same form and with the same training: a budget each."""
    answers: dict[str, np.ndarray] = {}
    others = {target: [name for name in table.targets if name != target] for target in table.targets}
    for target, kind in table.targets.items():
        model = polytask.fit(
            table.frame.iloc[train], {target: kind}, group=table.group, drop=others[target], baselines=False
        )
        answers |= from_model(model, table, test, [target])
    return answers


def matrices(table: TableSet, train: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """Return filled one-hot features, features with gaps and codes, and which of the latter are codes."""
    features = table.frame.drop(columns=[*table.targets, *([table.group] if table.group else [])])
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    numbers = features[numeric].to_numpy(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any number
        middle = np.nan_to_num(np.nanmedian(numbers[train], axis=0))
    gaps = np.isnan(numbers)
    filled = [np.where(gaps, middle, numbers), gaps[:, gaps[train].any(0)].astype(float)]
    coded = [numbers]
    for name in features:
        if name in numeric:
            continue
        texts = features[name].astype(object).where(features[name].notna(), "missing").astype(str)
        known = sorted(texts.iloc[train].unique())
        codes = texts.map({text: code for code, text in enumerate(known)}).to_numpy(float)
        coded.append(codes[:, None])
        filled.append((codes[:, None] == np.arange(min(len(known), 60))).astype(float))
    coded_all = np.concatenate(coded, axis=1)
    return np.concatenate(filled, axis=1), coded_all, [i >= len(numeric) for i in range(coded_all.shape[1])]


def per_target(make: Callable[[str, list[bool]], Any], *, coded: bool) -> Callable[..., Answers]:
    """Turn a maker of scikit-learn estimators into a method: one estimator a target, on its labelled rows."""

    def method(table: TableSet, train: np.ndarray, test: np.ndarray) -> Answers:
        filled, with_codes, is_code = matrices(table, train)
        inputs = with_codes if coded else filled
        answers = {}
        for target, kind in table.targets.items():
            rows = train[table.frame[target].notna().to_numpy()[train]]
            labels = table.frame[target].iloc[rows]
            model = make(kind, is_code)
            if kind == "regression":
                answers[target] = model.fit(inputs[rows], labels.to_numpy(float)).predict(inputs[test])
                continue
            model.fit(inputs[rows], labels.astype(str).to_numpy())
            names = classes_of(table, target)
            shares = np.zeros((len(test), len(names)))
            shares[:, [names.index(name) for name in model.classes_]] = model.predict_proba(inputs[test])
            answers[target] = shares
        return answers

    return method


def _pair(regressor: Any, classifier: Any, **settings: Any) -> Callable[[str, list[bool]], Any]:
    return lambda kind, _codes: (regressor if kind == "regression" else classifier)(**settings)


def _boosting(kind: str, codes: list[bool]) -> Any:
    make: Any = HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier
    return make(random_state=0, categorical_features=codes if any(codes) else None)


def _linear(kind: str, _codes: list[bool]) -> Any:
    last = RidgeCV(np.logspace(-2, 4, 13)) if kind == "regression" else LogisticRegression(max_iter=500)
    return make_pipeline(StandardScaler(), last)


def methods() -> dict[str, Callable[..., Answers]]:
    """Return the methods by name; packages that are not installed are left out, and said."""
    found = {
        "polytask, default": ours,
        "networks of single targets": single_networks,
        "HistGradientBoosting": per_target(_boosting, coded=True),
        "random forest": per_target(
            _pair(RandomForestRegressor, RandomForestClassifier, random_state=0), coded=False
        ),
        "extra trees": per_target(
            _pair(ExtraTreesRegressor, ExtraTreesClassifier, random_state=0), coded=False
        ),
        "ridge / logistic": per_target(_linear, coded=False),
    }
    others = {
        "LightGBM": ("lightgbm", "LGBM{}", {"random_state": 0, "verbose": -1, "n_jobs": 1}),
        "CatBoost": (
            "catboost",
            "CatBoost{}",
            {"random_seed": 0, "verbose": 0, "thread_count": 1, "allow_writing_files": False},
        ),
    }
    for name, (package, pattern, settings) in others.items():
        try:
            module = importlib.import_module(package)
        except ImportError:
            print(f"{name} is left out: {package} is not installed")
            continue
        kinds = [getattr(module, pattern.format(kind)) for kind in ("Regressor", "Classifier")]
        found[name] = per_target(_pair(*kinds, **settings), coded=True)
    return found


# Cells and summary


def measured(table: TableSet, train: np.ndarray, test: np.ndarray, answers: Answers) -> dict[str, Any]:
    figures = {}
    for target, kind in table.targets.items():
        known = table.frame[target].notna().to_numpy()
        labels, answer = table.frame[target].iloc[test][known[test]], answers[target][known[test]]
        if kind == "regression":
            scale = float(table.frame[target].iloc[train].std(ddof=0)) or 1.0
            figures[target] = {
                "rmse": float(np.sqrt(np.mean((labels.to_numpy(float) - answer) ** 2))) / scale
            }
            continue
        names = classes_of(table, target)
        shares = np.clip(answer, 1e-6, 1)
        shares /= shares.sum(1, keepdims=True)
        codes = labels.map({name: code for code, name in enumerate(names)}).to_numpy()
        figures[target] = {
            "error": float((shares.argmax(1) != codes).mean()),
            "log loss": float(log_loss(codes, shares, labels=range(len(names)))),
        }
    return figures


def cell_path(method: str, name: str, seed: int) -> Path:
    return CELLS / f"{name}.{seed}.{method.replace(' ', '-').replace('/', '')}.json"


def write_cell(cell: Mapping[str, Any]) -> None:
    path = cell_path(cell["method"], cell["table"], cell["seed"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(json.dumps(cell).encode()))


def take_over() -> None:
    """Write the cells of the results file that are not there: whoever asks has not changed the code."""
    for cell in json.loads(RESULTS.read_text())["figures"]["cells"]:
        if not cell_path(cell["method"], cell["table"], cell["seed"]).exists():
            write_cell(cell)


def run_cell(method: str, run: Callable[..., Answers], name: str, seed: int) -> None:
    if cell_path(method, name, seed).exists():
        return
    table = TABLES[name]()
    wide = len(table.targets) * table.frame.shape[1] > MOST_COLUMNS_TIMES_TARGETS
    if method == "CatBoost" and wide and seed != SEEDS[0]:
        return
    train, test = split(table, seed)
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = measured(table, train, test, run(table, train, test))
    cell = {
        "method": method, "table": name, "seed": seed, "figures": figures,
        "cpu_seconds": time.process_time() - begun,
    }  # fmt: skip
    write_cell(cell)
    print(f"{name} {seed} {method}: {cell['cpu_seconds']:.1f} CPU s", flush=True)


def summary() -> dict[str, Any]:
    """Average cells over seeds, and count ranks and wins of the first method."""
    values: Values = defaultdict(lambda: defaultdict(dict))
    seconds: dict[str, float] = defaultdict(float)
    cells = [json.loads(path.read_text()) for path in sorted(CELLS.glob("*.json"))]
    for cell in cells:
        seconds[cell["method"]] += cell["cpu_seconds"]
        for target, figures in cell["figures"].items():
            for metric, value in figures.items():
                values[cell["table"], target, metric][cell["method"]][cell["seed"]] = value
    table = pd.DataFrame(
        {
            key: {method: np.mean(list(found.values())) for method, found in row.items()}
            for key, row in values.items()
        }
    ).T.rename_axis(["table", "target", "metric"])
    return {
        "first metric": _compared(
            table[table.index.get_level_values("metric") != "log loss"],
            {key: row for key, row in values.items() if key[2] != "log loss"},
        ),
        "log loss": _compared(
            table[table.index.get_level_values("metric") == "log loss"],
            {key: row for key, row in values.items() if key[2] == "log loss"},
        ),
        "CPU seconds": {name: round(value) for name, value in seconds.items()},
        "by target": {
            "; ".join(key): {
                method: round(value, 4) for method, value in row.items() if not math.isnan(value)
            }
            for key, row in zip(table.index, table.to_dict("records"))
        },
        "tables by seed": {
            str(seed): len({cell["table"] for cell in cells if cell["seed"] == seed}) for seed in SEEDS
        },
        "cells": [_rounded(cell) for cell in cells],
    }


def _rounded(cell: Mapping[str, Any]) -> dict[str, Any]:
    figures = {
        target: {name: round(value, 5) for name, value in found.items()}
        for target, found in cell["figures"].items()
    }
    return {**cell, "figures": figures, "cpu_seconds": round(cell["cpu_seconds"], 1)}


def _won(values: Values, name: str) -> pd.Series:
    """Return by target whether the first method is better than another, on the splits that both have."""
    won = {}
    for key, row in values.items():
        if seeds := row[FIRST].keys() & row.get(name, {}).keys():
            own, other = (np.mean([row[method][seed] for seed in sorted(seeds)]) for method in (FIRST, name))
            won[key] = float(own < other) + 0.5 * float(own == other)
    return pd.Series(won).rename_axis(["table", "target", "metric"])


def _on_splits_of_all(values: Values, methods: Sequence[str]) -> pd.DataFrame:
    """Average each target over the splits that all methods have; one may have fewer than the others."""
    means = {}
    for key, row in values.items():
        seeds = sorted(set.intersection(*(set(row[name]) for name in methods)))
        means[key] = {name: np.mean([row[name][seed] for seed in seeds]) for name in methods}
    return pd.DataFrame(means).T.rename_axis(["table", "target", "metric"])


def _compared(table: pd.DataFrame, values: Values) -> dict[str, Any]:
    first = FIRST
    others = [name for name in table.columns if name != first]
    everywhere = [name for name in table.columns if all(row.get(name) for row in values.values())]
    wins = {}
    for name in others:
        won = _won(values, name)
        by_table = won.groupby(level="table").mean()
        wins[name] = {
            "targets": len(won),
            "% of targets": round(100 * float(won.mean()), 1),
            "% averaged by table": round(100 * float(by_table.mean()), 1),
        }
    alike = _on_splits_of_all(values, everywhere)
    ranks = alike.rank(axis=1)
    ratio = (alike[first] / alike.drop(columns=first).min(axis=1)).groupby(level="table")
    return {
        "targets": len(table),
        "mean rank over targets": ranks.mean().round(2).to_dict(),
        "mean rank by table": ranks.groupby(level="table").mean().mean().round(2).to_dict(),
        "wins": wins,
        "ratio to the best other one, by table": ratio.mean().round(3).to_dict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", action="append", choices=list(TABLES))
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--method", action="append")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--continue", action="store_true", dest="resume")
    asked = parser.parse_args()
    if asked.resume:
        take_over()
    for seed in asked.seed or SEEDS if not asked.report else ():
        for name in asked.table or TABLES:
            for method, run in methods().items():
                if asked.method is None or method in asked.method:
                    run_cell(method, run, name, seed)
    found = summary()
    setting = {
        "held out": HELD_OUT,
        "seeds": list(SEEDS),
        "census rows": 4000,
        "methods": "all with defaults",
    }
    write_results(
        RESULTS,
        setting=setting,
        figures=found,
        seed=SEEDS,
        split="30 % of the rows, or groups, held out by seed",
    )
    print(json.dumps({key: found[key] for key in ("first metric", "log loss", "CPU seconds")}, indent=1))


if __name__ == "__main__":
    main()
