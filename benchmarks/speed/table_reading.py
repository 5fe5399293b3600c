"""What reading a CSV file costs beside `pandas.read_csv`: time, and memory over the size of the file.

    python benchmarks/speed/table_reading.py            # a minute or two
    python benchmarks/speed/table_reading.py --rounds 3

Files of 300,000 rows and 10 columns, or ``--rows``: "mixed" has random numbers, whole numbers, a row number
and two columns of text; "numbers" has random numbers alone; "some missing" is "mixed" with a tenth of the
values empty or ``NA``; "codes" has leading zeros, "text codes" letters and digits, "words" words among
numbers, "prices" few different numbers of two digits, "quoted" text with commas: what pandas alone would read
otherwise than polytask does, or what takes polytask more care. Each way reads in a process of its own, the
ways in turn; a ratio is the median over rounds of polytask's time over pandas's of the same round, and a file
is read twice, of which the second counts. Memory is the highest of the process over what it had before
reading. ``load`` is how many processes ran or waited to: a busy machine has no processor left for the threads
that pandas (3.1 has several for a large file) and polytask use; ``cpu_ratio`` is of processor time, and
``one_thread_ratio`` is over pandas with one thread. Says nothing of files that no
pandas reads, which are refused with a reason. Writes ``results/table_reading.json``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.core.processors import processors
from polytask.data.tables.table import read_table

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "table_reading.json"
N_ROWS = 300_000


def in_turn(path: Path) -> pd.DataFrame:
    """Let pandas read a file of which it does not know the path: by one thread."""
    with path.open("rb") as content:
        return pd.read_csv(content)


WAYS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "pandas": pd.read_csv,
    "pandas_one_thread": in_turn,
    "polytask": read_table,
}


def mixed(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    columns: dict[str, Any] = {f"x{index}": draw.normal(size=n_rows) for index in range(6)}
    columns["count"] = draw.integers(0, 1000, n_rows)
    columns["row"] = np.arange(n_rows)
    columns["colour"] = draw.choice(["red", "green", "blue"], n_rows)
    columns["shop"] = draw.choice([f"shop {index}" for index in range(500)], n_rows)
    return pd.DataFrame(columns)


def numbers(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    return pd.DataFrame({f"x{index}": draw.normal(size=n_rows) for index in range(10)})


def some_missing(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    frame = mixed(draw, n_rows).astype(object)
    holes = draw.random(frame.shape)
    return frame.mask(holes < 0.1, "").mask(holes < 0.02, "NA")


def codes(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    return mixed(draw, n_rows).assign(row=[f"{index:07}" for index in range(n_rows)])


def text_codes(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    return mixed(draw, n_rows).assign(row=[f"A-{index:04}" for index in range(n_rows)])


def words(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    frame = mixed(draw, n_rows)
    texts = {
        name: frame[name].astype(str).mask(draw.random(n_rows) < 0.05, "unknown") for name in ("x0", "x1")
    }
    return frame.assign(**texts)


def prices(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    return mixed(draw, n_rows).assign(x0=[f"{value / 100:.2f}" for value in draw.integers(0, 999, n_rows)])


def quoted(draw: np.random.Generator, n_rows: int) -> pd.DataFrame:
    return mixed(draw, n_rows).assign(colour=draw.choice(["red, dark", "green", 'the "blue"'], n_rows))


FILES: dict[str, Callable[[np.random.Generator, int], pd.DataFrame]] = {
    "mixed": mixed,
    "numbers": numbers,
    "some missing": some_missing,
    "codes": codes,
    "text codes": text_codes,
    "words": words,
    "prices": prices,
    "quoted": quoted,
}


def peak() -> int:
    """Return the most memory that this process has had, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(way: str, path: Path) -> dict[str, float]:
    before, seconds, cpu_seconds = peak(), 0.0, 0.0
    for _ in range(2):
        start, cpu_start = time.perf_counter(), time.process_time()
        WAYS[way](path)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "times_the_file": (peak() - before) * 1024 / path.stat().st_size,
    }


def in_process(way: str, path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--way", way, "--path", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(path: Path, n_rounds: int) -> dict[str, Any]:
    """Return the ratio of times with its range, and medians of the rest."""
    rounds = [{way: in_process(way, path) for way in WAYS} for _ in range(n_rounds)]
    ratios, cpu_ratios, one_thread_ratios = (
        [each["polytask"][key] / each[other][key] for each in rounds]
        for other, key in (("pandas", "seconds"), ("pandas", "cpu_seconds"), ("pandas_one_thread", "seconds"))
    )
    found: dict[str, Any] = {
        "time_ratio": round(statistics.median(ratios), 2),
        "time_ratios": [round(ratio, 2) for ratio in sorted(ratios)],
        "cpu_ratio": round(statistics.median(cpu_ratios), 2),
        "one_thread_ratio": round(statistics.median(one_thread_ratios), 2),
        "file_mib": round(path.stat().st_size / 2**20, 1),
    }
    for way in WAYS:
        for key in ("seconds", "cpu_seconds", "times_the_file"):
            found[f"{way}_{key}"] = round(statistics.median(each[way][key] for each in rounds), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", default=list(FILES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(measure(asked.way, asked.path)))
        return
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.files:
            path = Path(folder) / "table.csv"
            FILES[name](np.random.default_rng(0), asked.rows).to_csv(path, index=False)
            figures[name] = compare(path, asked.rounds)
            print(f"{name:14} {figures[name]}", flush=True)

    load = round(os.getloadavg()[1], 1)
    setting: dict[str, Any] = {
        "processors": processors(),
        "load": load,
        "rows": asked.rows,
        "columns": 10,
        "rounds": asked.rounds,
        "pandas": pd.__version__,
    }
    write_results(RESULTS, setting=setting, figures=figures, seed=0, split="none: time alone")


if __name__ == "__main__":
    main()
