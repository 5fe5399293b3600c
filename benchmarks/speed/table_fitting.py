"""The time of `polytask.fit` and of its model's predictions, as ratios to something known.

    python benchmarks/speed/table_fitting.py                # some minutes
    python benchmarks/speed/table_fitting.py --rounds 1 --rows 5000

"epochs": the training of the networks of five folds, beside a plain PyTorch loop of the same networks
(batched matrix products, dropout, AdamW) over as many steps, which judges no held-out row and keeps nothing.
"large": a table of 20 numbers and 3 targets with defaults and out-of-fold metrics, without baselines, beside
HistGradientBoosting for the three. "predictions": milliseconds for 10,000 rows of that model. All ways
run in turn, on one thread, and in CPU seconds, which others on the machine disturb least; ratios are of
rounds, and their median counts. Writes ``results/table_fitting.json``.
"""

import argparse
import itertools
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from torch import nn
from torch.nn import functional
from torch.optim import AdamW

import polytask
from polytask.core import Batch, Task, generator
from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm
from polytask.models.table_config import TableConfig

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "table_fitting.json"
N_COLUMNS, N_FOLDS, WIDTH, DROPOUT, N_EPOCHS = 20, 5, 64, 0.1, 20
TASKS = tuple(Task(name=name, kind="regression") for name in ("a", "b", "c"))
PREDICTED = 10_000


def cpu_seconds(act: Callable[[], object]) -> float:
    begun = time.process_time()
    act()
    return time.process_time() - begun


def ours(rows: Batch) -> None:
    folds = folds_of_rows(len(rows), n_folds=N_FOLDS, seed=0)
    config = TableConfig(epochs=N_EPOCHS, patience=N_EPOCHS)
    form = NetworkForm(width=WIDTH, depth=2, dropout=DROPOUT, bins=0)
    fit_stack(TASKS, rows, Members.joint([folds], len(TASKS)), form, config, seed=0)


def plain(rows: Batch, batch_size: int) -> None:
    """Train the same networks in the plainest way that is not slow: as one batch of matrices."""
    inputs, targets = rows.inputs, torch.stack([rows.targets[task.name] for task in TASKS], 1)
    assert isinstance(inputs, torch.Tensor)
    folds = [torch.from_numpy(f.train) for f in folds_of_rows(len(rows), n_folds=N_FOLDS, seed=0)]
    sizes = [N_COLUMNS, WIDTH, WIDTH, len(TASKS)]
    weights = [nn.Parameter(torch.randn(N_FOLDS, a, b) / a**0.5) for a, b in itertools.pairwise(sizes)]
    biases = [nn.Parameter(torch.zeros(N_FOLDS, 1, b)) for b in sizes[1:]]
    optimizer = AdamW([*weights, *biases], lr=3e-3, fused=True)
    for _ in range(N_EPOCHS):
        order = torch.stack([fold[torch.randperm(len(fold))] for fold in folds])
        for start in range(0, order.shape[1] // batch_size * batch_size, batch_size):
            picked = order[:, start : start + batch_size]
            hidden = inputs[picked]
            for layer in range(2):
                hidden = torch.baddbmm(biases[layer], hidden, weights[layer]).relu()
                hidden = functional.dropout(hidden, DROPOUT)
            loss = (torch.baddbmm(biases[2], hidden, weights[2]) - targets[picked]).square()
            optimizer.zero_grad()
            loss.mean((1, 2)).sum().backward()
            optimizer.step()


def rows_of(n_rows: int) -> Batch:
    draw = generator(0, "rows")
    inputs = torch.randn(n_rows, N_COLUMNS, generator=draw)
    targets = {task.name: inputs[:, i].tanh() + inputs[:, i + 3] for i, task in enumerate(TASKS)}
    return Batch(
        inputs=inputs,
        targets=targets,
        masks={task.name: torch.ones(n_rows, dtype=torch.bool) for task in TASKS},
    )


def large_table(n_rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(n_rows, N_COLUMNS))
    hidden = np.tanh(inputs @ draw.normal(size=(N_COLUMNS, 8)) / 3)
    frame = pd.DataFrame(inputs, columns=[f"x{index}" for index in range(N_COLUMNS)])
    frame["a"] = hidden @ draw.normal(size=8) + inputs[:, 0] * inputs[:, 1] + draw.normal(size=n_rows) / 2
    frame["b"] = hidden @ draw.normal(size=8) + np.abs(inputs[:, 2]) + draw.normal(size=n_rows) / 2
    frame["c"] = np.where(hidden @ draw.normal(size=8) + draw.normal(size=n_rows) / 2 > 0, "yes", "no")
    return frame


def boosting(frame: pd.DataFrame) -> None:
    inputs = frame.iloc[:, :N_COLUMNS].to_numpy()
    for name in ("a", "b"):
        HistGradientBoostingRegressor(random_state=0).fit(inputs, frame[name])
    HistGradientBoostingClassifier(random_state=0).fit(inputs, frame["c"])


def summary(ratios: list[float]) -> dict[str, float]:
    return {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000, help="of the large table")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, object] = {}
    for n_rows, batch_size in ((500, 16), (2000, 64), (10_000, 512)):
        rows = rows_of(n_rows)
        ours(rows_of(100))  # what is done once
        plain(rows_of(100), 16)
        pair = partial(ours, rows), partial(plain, rows, batch_size)
        ratios = [cpu_seconds(pair[0]) / cpu_seconds(pair[1]) for _ in range(asked.rounds)]
        found[f"epochs, {n_rows} rows"] = summary(ratios)
        print(f"epochs, {n_rows} rows: {summary(ratios)}", flush=True)
    frame = large_table(asked.rows)
    models = []

    def fitted() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models.append(polytask.fit(frame, ["a", "b", "c"], baselines=False))

    ratios = [
        cpu_seconds(fitted) / cpu_seconds(lambda: boosting(frame)) for _ in range(max(1, asked.rounds // 2))
    ]
    found[f"large, {asked.rows} rows"] = summary(ratios)
    few = frame.head(PREDICTED)
    times = [cpu_seconds(lambda: models[0].predict(few)) * 1e3 for _ in range(asked.rounds + 1)][1:]
    found[f"predictions of {len(few)} rows, ms"] = summary(times)
    write_results(RESULTS, setting={"rounds": asked.rounds}, figures=found, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
