"""What a table of a hundred thousand tasks takes: seconds and memory of fit, save, load, predict and adapt.

    python benchmarks/speed/many_tasks.py                    # 100,000 tasks of 20 rows
    python benchmarks/speed/many_tasks.py --tasks 10000

A Parquet file of 4 numbers, a category, the task, and a number to predict is made in a folder that is
removed afterwards: each task has a level and slopes of its own. A process of its own fits it (few epochs:
training networks is what `large_tables.py` and `table_fitting.py` measure), saves, loads, predicts all rows,
and adapts to 5 rows each of a thousand new tasks. Seconds are those of the processor, whoever shares it; peak
memory is the process's highest resident size, torch and all libraries included. Writes
``results/many_tasks.json``, one entry for each number of tasks.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from large_tables import peak_bytes  # beside this file

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "many_tasks.json"
N_TASKS, N_ROWS = 100_000, 20
N_NUMBERS, N_EPOCHS = 4, 3
N_NEW, N_FIRST = 1000, 5
PHASES = {
    "train the pooled model (in fit)": "train_table",
    "learn how tasks differ (in fit)": "learned_prior",
}


def make_table(n_tasks: int, n_rows: int, *, start: int = 0, seed: int = 0) -> pd.DataFrame:
    """Return rows of tasks that differ by their level and by two slopes."""
    draw = np.random.default_rng(seed)
    of_row = np.repeat(np.arange(n_tasks), n_rows)
    x = draw.normal(size=(len(of_row), N_NUMBERS)).astype(np.float32)
    effects = draw.normal(size=(n_tasks, 3))[of_row]
    label = 2 * x[:, 0] + np.sin(x[:, 1]) + effects[:, 0] + effects[:, 1] * x[:, 1] + effects[:, 2] * x[:, 2]
    table = pd.DataFrame(x, columns=[f"x{index}" for index in range(N_NUMBERS)])
    table["colour"] = np.array(["red", "green", "blue"])[draw.integers(0, 3, len(of_row))]
    table["task"] = start + of_row
    return table.assign(label=label + 0.3 * draw.normal(size=len(of_row)))


def clocked(phase: str, function: Callable[..., Any], told: dict[str, Any]) -> Callable[..., Any]:
    """Wrap a function so that it tells seconds of the processor, and the peak memory at its end."""

    def call(*given: Any, **options: Any) -> Any:
        start = time.process_time()
        found = function(*given, **options)
        seconds, peak = round(time.process_time() - start, 2), peak_bytes() // 2**20
        told[phase] = {"seconds of the processor": seconds, "peak MiB at its end": peak}
        print(f"{phase:32} {told[phase]}", file=sys.stderr, flush=True)
        return found

    return call


def measure(path: Path, n_tasks: int, *, epochs: int, seed: int) -> dict[str, Any]:
    """Fit, save, load, predict and adapt, in this process."""
    import importlib

    import torch

    import polytask

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    told: dict[str, Any] = {"import": {"peak MiB at its end": peak_bytes() // 2**20}}
    module = importlib.import_module("polytask.fitting.task_table_fit")
    for phase, name in PHASES.items():
        setattr(module, name, clocked(phase, getattr(module, name), told))
    options: dict[str, Any] = {"epochs": epochs, "baselines": False, "seed": seed}
    fitted = clocked("fit, all of it", polytask.fit, told)(path, "label", task_column="task", **options)
    folder = path.parent / "model"
    clocked("save", fitted.save, told)(folder)
    model: Any = clocked("load", polytask.load, told)(folder)
    answers = clocked("predict all rows", model.predict, told)(path)
    label = pd.read_parquet(path, columns=["label"])["label"]
    new = make_table(N_NEW, 2 * N_FIRST, start=10 * n_tasks, seed=seed + 1)
    first = new.groupby("task").head(N_FIRST)
    later = new.drop(first.index)
    adapted = clocked("adapt to 1,000 new tasks", model.adapt, told)(first)
    clocked("adapt to one of them", model.adapt, told)(first.head(N_FIRST))

    def error(predicted: pd.DataFrame, truth: pd.Series) -> float:
        return round(float(np.sqrt(np.square(predicted["label"].to_numpy() - truth.to_numpy()).mean())), 3)

    return {
        "phases": told,
        "peak MiB": peak_bytes() // 2**20,
        "model MiB": round(sum(file.stat().st_size for file in folder.iterdir()) / 2**20, 1),
        "rmse on the training rows": error(answers, label),
        "rmse on later rows of new tasks": error(adapted.predict(later), later["label"]),
        "rmse of the pooled model there": error(adapted.pooled.predict(later), later["label"]),
        "tasks differ by": fitted.results.targets[0].effects,
    }


def main() -> None:
    """Make the table, measure in a process of its own, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=N_TASKS)
    parser.add_argument("--rows", type=int, default=N_ROWS, help="of each task")
    parser.add_argument("--epochs", type=int, default=N_EPOCHS, help="of the pooled model at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="used by the process that measures")
    asked = parser.parse_args()
    if asked.table is not None:
        print(json.dumps(measure(asked.table, asked.tasks, epochs=asked.epochs, seed=asked.seed)))
        return
    with tempfile.TemporaryDirectory(prefix="polytask-tasks-") as folder:
        path = Path(folder) / "table.parquet"
        make_table(asked.tasks, asked.rows, seed=asked.seed).to_parquet(path, index=False)
        command = [sys.executable, __file__, *sys.argv[1:], "--table", str(path)]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    entry = {
        "tasks": asked.tasks,
        "rows of each": asked.rows,
        "columns": N_NUMBERS + 1,
        "epochs at most": asked.epochs,
        **json.loads(found.stdout.splitlines()[-1]),
    }
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    figures[f"{asked.tasks} tasks of {asked.rows} rows"] = entry
    setting = {"time": "of the processor, one thread"}
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=asked.seed,
        split="later rows of new tasks are judged",
        threads=1,
    )
    print(f"{asked.tasks} tasks of {asked.rows} rows: {entry['phases']}, peak {entry['peak MiB']} MiB")


if __name__ == "__main__":
    main()
