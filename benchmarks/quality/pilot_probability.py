"""How likely does joint training help a task, after a short comparison? Measured, fitted, and judged.

    python benchmarks/quality/pilot_probability.py                # all; an hour on two cores, resumable
    python benchmarks/quality/pilot_probability.py --table enb    # the cells of one table
    python benchmarks/quality/pilot_probability.py --report       # only the fit to the cells that are there

A cell is a table with some of its rows. In it every task is asked twice: shortly (`compare_shortly`: three
folds, 30 epochs, one form of network) and fully (as `polytask.fit` does, without networks on bins: five
other folds, three forms of network, until each target stops). What came of it is a file in the folder of
cells. From all cells a logistic regression learns the probability that the full comparison finds a gain above
0; tasks whose full gain is exactly 0, as of classes that are never predicted, say nothing and are left out.

It is judged by leaving out one table with all its cells in turn: reliability, Brier score and log loss
against the base rate of the others. The coefficients go to ``src/polytask/relate/pilot_probability.json``,
from which `polytask.relate` reads them, and the judgement to ``results/pilot_probability.json``.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pilot_tables import PILOT_TABLES, PilotTable
from results import write_results
from sklearn.linear_model import LogisticRegression

from polytask.core import Interval, derive_seed
from polytask.core.files import write_atomically
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_ensemble_fit import fit_ensemble
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.table_verdict import constant_predictions, judge
from polytask.models.table_config import TableConfig
from polytask.relate.pilot_probability import FEATURES, PROBABILITY_FILE, pilot_features, t_statistic
from polytask.relate.short_comparison import compare_shortly
from polytask.relate.task_column import prepare_by_task

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "pilot_probability.json"
CELLS = Path("runs/pilot_probability")
SIZES = (200, 600)
FOLDS, FULL_FOLDS = 3, 5
FULL = TableConfig(bins=0)  # the form of network that costs most is left out
SEED = 0
STRENGTH = 0.03  # inverse of the penalty on coefficients of standardized features
PARTS = ((0.0, 0.25), (0.25, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.75), (0.75, 1.0))  # of the probability


def prepared(found: PilotTable, n_rows: int, n_folds: int, seed: int) -> PreparedTable:
    """Encode some rows of a table, and deal them."""
    frame = found.table.frame
    rows = frame.sample(min(n_rows, len(frame)), random_state=SEED).reset_index(drop=True)
    asked = {name: kind for name, kind in found.table.targets.items() if rows[name].nunique() > 1}
    constant = [name for name in found.table.targets if name not in asked]
    columns = Columns.of(asked, group=found.table.group, drop=constant)
    if found.task_column is not None:
        return prepare_by_task(read_table(rows), columns, found.task_column, folds=n_folds, seed=seed)
    return prepare_table(read_table(rows), columns, folds=n_folds, seed=seed)


def measure(name: str, n_rows: int) -> dict[str, Any]:
    """Ask every task of a table shortly and fully."""
    found = PILOT_TABLES[name]()
    seed = derive_seed(SEED, name, n_rows)
    start = time.perf_counter()
    rows = prepared(found, n_rows, FOLDS, derive_seed(seed, "short"))
    short = compare_shortly(rows, seed=derive_seed(seed, "short"))
    middle = time.perf_counter()
    rows = prepared(found, n_rows, FULL_FOLDS, derive_seed(seed, "full"))
    whole = derive_seed(seed, "networks")
    fitted = fit_ensemble(rows, FULL, baselines=True, seed=whole, where=Surroundings())
    judged = judge(rows, fitted.joint, fitted.baseline, constant_predictions(rows), seed=whole)
    return {
        "table": name,
        "rows": len(rows.rows),
        "seconds": [round(middle - start, 1), round(time.perf_counter() - middle, 1)],
        "tasks": [
            {
                "task": one.task,
                "kind": one.kind,
                "labels": rows.rows.n_labels(one.task),
                "short": _json(short.gains[one.task]),
                "full": _json(one.gain),
            }
            for one in judged
        ],
    }


def _json(gain: Interval | None) -> dict[str, Any] | None:
    return None if gain is None else gain.to_json()


def _interval(stored: Mapping[str, Any] | None) -> Interval | None:
    if stored is None or stored["mean"] is None:
        return None
    half_width = math.nan if stored["half_width"] is None else stored["half_width"]
    return Interval(
        mean=stored["mean"], half_width=half_width, n=stored["n"], confidence=stored["confidence"]
    )


def cells(tables: Sequence[str]) -> list[tuple[str, int]]:
    """Return table and rows of every cell, the cheap ones first; a small table has one of all its rows."""
    found: dict[tuple[str, int], int] = {}
    for name in tables:
        asked = PILOT_TABLES[name]()
        n_rows, n_columns = asked.table.frame.shape
        smaller = [size for size in SIZES if size < n_rows]
        for size in smaller if n_rows > max(SIZES) else [*smaller, n_rows]:
            found[name, size] = (size + 200) * n_columns * len(asked.table.targets)
    return sorted(found, key=lambda cell: found[cell])


def run(tables: Sequence[str]) -> None:
    CELLS.mkdir(parents=True, exist_ok=True)
    for name, n_rows in cells(tables):
        path = CELLS / f"{name}-{n_rows}.json"
        if path.exists():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cell = measure(name, n_rows)
        write_atomically(path, lambda file, cell=cell: file.write(json.dumps(cell).encode()))
        print(name, n_rows, cell["seconds"], flush=True)


def examples(found: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features ``[task, feature]``, whether the full comparison found a gain, and the table."""
    rows, helped, tables = [], [], []
    for cell in found:
        gains = {one["task"]: _interval(one["short"]) for one in cell["tasks"]}
        labels = {one["task"]: one["labels"] for one in cell["tasks"]}
        features = pilot_features(gains, labels)
        for one in cell["tasks"]:
            full = _interval(one["full"])
            if full is not None and full.mean != 0 and one["task"] in features:
                rows.append(features[one["task"]])
                helped.append(full.mean > 0)
                tables.append(cell["table"])
    return np.array(rows), np.array(helped, dtype=float), np.array(tables)


def fit(features: np.ndarray, helped: np.ndarray, tables: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the logistic regression, every table with the same weight; return coefficients and intercept."""
    if helped.min() == helped.max():  # nothing to tell apart
        return np.zeros(features.shape[1]), float(
            np.log((helped.sum() + 1) / (len(helped) - helped.sum() + 1))
        )
    scale = features.std(0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=STRENGTH * len(helped) / len(np.unique(tables)))
    model.fit(features / scale, helped, sample_weight=_weights(tables))
    return model.coef_[0] / scale, float(np.ravel(model.intercept_)[0])


def _weights(tables: np.ndarray) -> np.ndarray:
    names, codes, counts = np.unique(tables, return_inverse=True, return_counts=True)
    return (len(tables) / len(names) / counts)[codes]


def left_out(features: np.ndarray, helped: np.ndarray, tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for every task the probability, and the base rate, that the other tables give."""
    probability, base = np.zeros(len(helped)), np.zeros(len(helped))
    for name in np.unique(tables):
        others = tables != name
        coefficients, intercept = fit(features[others], helped[others], tables[others])
        probability[~others] = 1 / (1 + np.exp(-(features[~others] @ coefficients + intercept)))
        base[~others] = np.average(helped[others], weights=_weights(tables[others]))
    return probability, base


def judgement(features: np.ndarray, helped: np.ndarray, tables: np.ndarray) -> dict[str, Any]:
    """Judge by leaving tables out: scores of tasks, each table with the same weight."""
    probability, base = left_out(features, helped, tables)
    weights = _weights(tables)
    scores: dict[str, Any] = {}
    for name, given in (("pilot", probability), ("base rate", base)):
        given = given.clip(1e-6, 1 - 1e-6)
        logs = -(helped * np.log(given) + (1 - helped) * np.log(1 - given))
        scores[name] = {
            "Brier": round(float(np.average((given - helped) ** 2, weights=weights)), 4),
            "log loss": round(float(np.average(logs, weights=weights)), 4),
            "% right": round(100 * float(np.average((given > 0.5) == helped, weights=weights)), 1),
        }
    lead = (base - helped) ** 2 - (probability - helped) ** 2
    by_table = np.array([lead[tables == name].mean() for name in np.unique(tables)])
    error = by_table.std(ddof=1) / math.sqrt(len(by_table))
    scores["Brier, lead over the base rate"] = {
        "mean over tables": round(float(by_table.mean()), 4),
        "standard error": round(float(error), 4),
        "tables with a lead": f"{int((by_table > 0).sum())} of {len(by_table)}",
    }
    scores["reliability"] = [
        {
            "probability": f"{low:g} to {high:g}",
            "tasks": int(inside.sum()),
            "mean probability": round(float(probability[inside].mean()), 3),
            "share helped": round(float(helped[inside].mean()), 3),
        }
        for low, high in PARTS
        if (inside := (probability >= low) & ((probability < high) | (high == 1))).any()
    ]
    return scores


def report() -> None:
    found = [json.loads(path.read_text()) for path in sorted(CELLS.glob("*.json"))]
    features, helped, tables = examples(found)
    coefficients, intercept = fit(features, helped, tables)
    scores = judgement(features, helped, tables)
    lead = scores["Brier, lead over the base rate"]
    content = {
        "coefficients": {
            name: round(float(value), 5) for name, value in zip(FEATURES, coefficients, strict=True)
        },
        "intercept": round(intercept, 5),
        "base_rate": round(float(np.average(helped, weights=_weights(tables))), 4),
        "n_tables": len(np.unique(tables)),
        "n_tasks": len(helped),
        "brier": {"pilot": scores["pilot"]["Brier"], "base_rate": scores["base rate"]["Brier"]},
        "brier_lead": [lead["mean over tables"], lead["standard error"]],
    }
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(PROBABILITY_FILE, lambda file: file.write(text.encode()))
    by_sign = [
        {"short t": round(t_statistic(short), 2), "full gain, %": round(full.mean, 2)}
        for cell in found
        for one in cell["tasks"]
        if (short := _interval(one["short"])) is not None and (full := _interval(one["full"])) is not None
    ]
    figures = {
        **scores,
        "model": content,
        "seconds, short and full": {
            f"{cell['table']}, {cell['rows']} rows": cell["seconds"] for cell in found
        },
        "cells": len(found),
        "by task": by_sign,
    }
    setting = {"seed": SEED, "sizes": SIZES, "folds": FOLDS, "full folds": FULL_FOLDS, "strength": STRENGTH}
    write_results(
        RESULTS, setting=setting, figures=figures, seed=SEED, split="folds over rows; tables left out in turn"
    )
    print(json.dumps({name: figures[name] for name in (*scores, "model", "cells")}, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", action="append", choices=list(PILOT_TABLES))
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not asked.report:
        run(asked.table or list(PILOT_TABLES))
    report()


if __name__ == "__main__":
    main()
