"""What a table of ten million rows takes: memory, and seconds for each phase of fit, predict and so on.

    python benchmarks/speed/large_tables.py                             # 10,000,000 rows, few steps
    python benchmarks/speed/large_tables.py --rows 1500000 --whole      # training as long as `fit` makes it

A Parquet file of 14 numbers, 6 columns of categories and 3 targets (a number, two classes, five classes;
one label in twenty is missing) is made in a folder that is removed afterwards. A process of its own fits
it, predicts it into a file, evaluates it, and tells which columns are needed, on a sample. With ``--fit-
rows`` the model is fitted on so many rows alone, and only asked about all of them. Peak memory is the
process's highest resident size, torch and all libraries included. Without ``--whole`` an epoch has
``--epoch-rows`` rows of each network and there is one epoch: every phase is walked through, but the model
is hardly trained, and its figures mean nothing. Writes ``results/large_tables.json``, one entry for each
number of rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "large_tables.json"
N_ROWS = 10_000_000
TARGETS = ["price", "sold:binary", "grade:multiclass"]
N_NUMBERS, SIZES = 14, (3, 8, 20, 60, 300, 3000)
WRITTEN_AT_ONCE = 500_000
PHASES = {
    "read and encode": ("polytask.fitting.table_fit", "prepare_large_table"),
    "survey (in the former)": ("polytask.fitting.large_preparation", "survey_table"),
    "fill (in the first)": ("polytask.fitting.large_preparation", "fill_rows"),
    "train": ("polytask.fitting.table_fit", "fit_groups"),
    "calibrate": ("polytask.fitting.table_fit", "calibrate_with_scores"),
    "judge": ("polytask.fitting.table_fit", "_results"),
}


def write_table(path: Path, n_rows: int, *, seed: int) -> None:
    """Write the table, some rows at a time."""
    import pyarrow
    from pyarrow import parquet

    draw = np.random.default_rng(seed)
    levels = [draw.normal(size=size).astype(np.float32) for size in SIZES]
    names = [np.array([f"c{column}-{code}" for code in range(size)]) for column, size in enumerate(SIZES)]
    writer = None
    for start in range(0, n_rows, WRITTEN_AT_ONCE):
        count = min(WRITTEN_AT_ONCE, n_rows - start)
        numbers = draw.normal(size=(count, N_NUMBERS)).astype(np.float32)
        codes = [draw.integers(0, size, count) for size in SIZES]
        signal = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2]
        signal = signal + sum(level[code] for level, code in zip(levels, codes, strict=True))
        columns: dict[str, Any] = {f"x{index}": numbers[:, index] for index in range(N_NUMBERS)}
        columns |= {
            f"c{index}": pyarrow.DictionaryArray.from_arrays(code.astype(np.int32), names[index]).cast(
                "string"
            )
            for index, code in enumerate(codes)
        }
        price = 100 + 20 * signal + draw.normal(0, 5, count)
        columns["price"] = pyarrow.array(price.astype(np.float32), mask=draw.random(count) < 0.05)
        columns["sold"] = signal + draw.normal(0, 1, count) > 0
        columns["grade"] = np.array(["a", "b", "c", "d", "e"])[np.digitize(signal, [-2, -0.5, 0.5, 2])]
        table = pyarrow.table(columns)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def first_rows(path: Path, n_rows: int) -> Path:
    """Write the first rows of the table into a file of their own."""
    from pyarrow import parquet

    few = path.with_name("few.parquet")
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(few, file.schema_arrow) as writer:
        writer.write_batch(next(file.iter_batches(batch_size=n_rows)))
    return few


def peak_bytes() -> int:
    """Return the highest resident size of this process so far."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    except (OSError, StopIteration):  # not Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def timed(told: dict[str, dict[str, float]]) -> None:
    """Let the phases of a fit tell their seconds, and the peak memory at their end."""
    import importlib

    for phase, (module_name, name) in PHASES.items():
        module = importlib.import_module(module_name)
        setattr(module, name, clocked(phase, getattr(module, name), told))


def clocked(
    phase: str, function: Callable[..., Any], told: dict[str, dict[str, float]]
) -> Callable[..., Any]:
    """Wrap a function so that it tells seconds and peak memory."""

    def call(*given: Any, **options: Any) -> Any:
        start = time.perf_counter()
        found = function(*given, **options)
        told[phase] = {
            "seconds": round(time.perf_counter() - start, 1),
            "peak MiB at its end": peak_bytes() // 2**20,
        }
        print(f"{phase:24} {told[phase]}", file=sys.stderr, flush=True)
        return found

    return call


def measure(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Fit, save, predict and evaluate, in this process."""
    import torch

    import polytask
    from polytask.data.tables import large_table
    from polytask.fitting import rows_in_pieces

    if asked.large is not None:
        large_table.LARGE_ROWS = asked.large

    torch.set_num_threads(asked.threads)
    told: dict[str, dict[str, float]] = {}
    told["import"] = {"peak MiB at its end": peak_bytes() // 2**20}
    timed(told)
    options: dict[str, Any] = {"seed": asked.seed, "epochs": 200}
    if not asked.whole:
        rows_in_pieces.MOST_ROWS_AN_EPOCH = asked.epoch_rows
        options["epochs"] = 1
    warnings.simplefilter("ignore")
    folder = path.parent
    fitted = path if asked.fit_rows is None else first_rows(path, asked.fit_rows)
    model = clocked("fit, all of it", polytask.fit, told)(fitted, TARGETS, **options)
    clocked("save", model.save, told)(folder / "model")
    clocked("predict into a file", model.predict_to, told)(path, folder / "predictions.parquet")
    metrics = clocked("evaluate", model.evaluate, told)(path)
    clocked("importance", model.importance, told)(path, n_repeats=1)
    figures = {name: row.dropna().to_dict() for name, row in metrics.drop(columns="kind").iterrows()}
    return {
        "phases": told,
        "peak MiB": peak_bytes() // 2**20,
        "rows": model.results.rows,
        "figures on the training rows": figures,
        "figures on held-out rows": {
            one.task: {metric: interval.mean for metric, interval in one.joint.items()}
            for one in model.results.tasks
        },
    }


def main() -> None:
    """Make the table, measure in a process of its own, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--epoch-rows", type=int, default=20_000, help="of each network, without --whole")
    parser.add_argument("--whole", action="store_true", help="train as long as fit does")
    parser.add_argument("--fit-rows", type=int, help="rows that the model is fitted on (all)")
    parser.add_argument("--large", type=int, help="rows above which a table is read in pieces, to try it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="used by the process that measures")
    asked = parser.parse_args()
    if asked.table is not None:
        print(json.dumps(measure(asked.table, asked)))
        return
    with tempfile.TemporaryDirectory(prefix="polytask-large-") as folder:
        path, start = Path(folder) / "table.parquet", time.perf_counter()
        write_table(path, asked.rows, seed=asked.seed)
        size = path.stat().st_size
        print(
            f"made in {time.perf_counter() - start:.0f} s, {size / 2**20:.0f} MiB",
            file=sys.stderr,
            flush=True,
        )
        command = [sys.executable, __file__, *sys.argv[1:], "--table", str(path)]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ})
    entry = {
        "rows asked": asked.rows,
        "columns": N_NUMBERS + len(SIZES),
        "targets": len(TARGETS),
        "file MiB": size // 2**20,
        "training": "whole" if asked.whole else f"one epoch of {asked.epoch_rows} rows of each network",
        "threads": asked.threads,
        **json.loads(found.stdout.splitlines()[-1]),
    }
    figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    key = f"{asked.rows} rows, {'whole' if asked.whole else 'few steps'}"
    key += "" if asked.fit_rows is None else f", fitted on {asked.fit_rows}"
    figures[key] = entry
    setting = {"time": "of the wall", "table": "random numbers, codes and words, with three targets"}
    split = "held-out rows by fit"
    write_results(
        RESULTS,
        setting=setting,
        figures=figures,
        seed=asked.seed,
        split=split,
        packages=["pyarrow"],
        threads=asked.threads,
    )
    print(f"{key}: peak {entry['peak MiB']} MiB")


if __name__ == "__main__":
    main()
