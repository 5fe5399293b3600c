"""Kill the workers of a comparison at random moments: no cell may be lost, none done twice.

Four processes work on 300 tiny cells in one folder. One after the other is ended by SIGKILL at a random
moment, and another takes its place. A candidate writes down when it begins and in which process. Afterwards:

- every cell is there, whole, and nothing else is;
- a cell that was seen done is the same folder to the end;
- no cell was begun after it was done, nor while another living process was at it.

    python -m benchmarks.kills_compare                       # 200 kills
    python -m benchmarks.kills_compare --kills 20 --cells 60
"""

import argparse
import itertools
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # no threads: they would not live on in a forked process

import numpy as np
import pandas as pd

from polytask.compare import Candidate, Fitted
from polytask.compare.cells import is_done, read_outputs, read_record
from polytask.compare.plan import Plan, write_plan
from polytask.compare.runner import run_cells
from polytask.compare.table_rows import TableRows
from polytask.core import derive_seed
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import prepare_table

_FOLDS, _WORKERS = 10, 4


class Traced(Candidate):
    """Predicts zeros after a while, and writes down when it begins."""

    words = "zeros"

    def __init__(self, name: str, log: Path, seconds: float) -> None:
        self.name, self.log, self.seconds = name, log, seconds

    def fit(self, rows: TableRows, settings: object, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        line = f"{self.name} {seed} {os.getpid()} {time.time()}\n".encode()
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)
        os.close(descriptor)
        time.sleep(self.seconds)
        return Fitted(predict=lambda others: {task.name: np.zeros(len(others)) for task in rows.tasks})


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process.

    Args:
        process: Its number.
        began: When.
        ended: When it was killed, or had nothing left to do.
    """

    process: int
    began: float
    ended: float


def planned(folder: Path, log: Path, n_cells: int, seconds: float) -> Plan:
    """Begin the comparison."""
    draw = np.random.default_rng(0)
    frame = read_table(pd.DataFrame({"x": draw.normal(size=60), "y": draw.normal(size=60)}))
    prepared = prepare_table(frame, Columns.of("y"), folds=_FOLDS, seed=0)
    rows = TableRows(batch=prepared.rows, targets=prepared.targets, encoder=prepared.encoder)
    candidates = [Traced(f"c{index}", log, seconds) for index in range(n_cells // _FOLDS)]
    return write_plan(folder, rows, prepared.repeats, candidates, trials=1, seed=0, data={})


def forked(plan: Plan) -> tuple[int, float]:
    """Start a process that works on the cells; return its number and when it began."""
    began = time.time()
    process = os.fork()
    if process == 0:
        try:
            run_cells(plan, workers=1)
        finally:
            os._exit(0)
    return process, began


def killed(plan: Plan, kills: int, seed: int) -> tuple[list[Life], dict[str, int], int]:
    """Work on the cells by processes that are killed; return lives, what was seen done, and how much."""
    draw, lives, seen = random.Random(seed), [], {}
    cells = plan.folder / "cells"
    alive = [forked(plan) for _ in range(_WORKERS)]
    for _ in range(kills):
        time.sleep(draw.uniform(0.0, 0.06))
        process, began = alive.pop(draw.randrange(len(alive)))
        lives.append(Life(process=process, began=began, ended=time.time()))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        for cell in plan.cells:
            if cell.folder not in seen and is_done(cells, cell):
                seen[cell.folder] = (cells / cell.folder).stat().st_ino
        alive.append(forked(plan))
    n_done = sum(is_done(cells, cell) for cell in plan.cells)
    for process, began in alive:
        os.waitpid(process, 0)
        lives.append(Life(process=process, began=began, ended=time.time()))
    return lives, seen, n_done


def problems(plan: Plan, lives: list[Life], seen: dict[str, int], log: Path) -> list[str]:
    """Return what is lost, or done twice."""
    cells, found = plan.folder / "cells", []
    names = {cell.folder for cell in plan.cells}
    there = {entry.name for entry in cells.iterdir()}
    found += [f"lost: {name}" for name in sorted(names - there)]
    found += [f"left over: {name}" for name in sorted(there - names)]
    found += [
        f"written again: {name}" for name, inode in seen.items() if (cells / name).stat().st_ino != inode
    ]
    begun = defaultdict(list)
    for line in log.read_text().splitlines():
        name, seed, process, began = line.split()
        begun[name, int(seed)].append((float(began), int(process)))
    for cell in plan.cells:
        if cell.folder not in there:
            continue
        record = read_record(cells, cell)
        read_outputs(cells, cell, {"y": 1}, len(plan.fold(cell).held_out))
        tries = sorted(begun[cell.candidate, derive_seed(plan.seed, "cell", cell.repeat, cell.fold)])
        if record.status != "done" or not tries or tries[-1][1] != record.process:
            found.append(f"not done by the last who began it: {cell.folder}")
        if tries and tries[-1][0] > record.finished:
            found.append(f"done twice: {cell.folder}")
        ended = {life.process: life.ended for life in lives}
        for (_, first), (second_began, _) in itertools.pairwise(tries):
            if second_began < ended.get(first, math.inf):
                found.append(f"two at once: {cell.folder}")
    return found


def main() -> None:
    """Run it, and end with code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=0.4, help="Of a cell.")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        log.touch()
        plan = planned(Path(place) / "run", log, asked.cells, asked.seconds)
        lives, seen, n_done = killed(plan, asked.kills, asked.seed)
        n_left = run_cells(plan, workers=1)
        wrong = problems(plan, lives, seen, log)
        n_begun = len(log.read_text().splitlines())
    sys.stdout.write(
        f"{len(plan.cells)} cells, {_WORKERS} workers, {asked.kills} kills; {n_done} done at the last one, "
        f"{n_begun} beginnings, {n_left} left, {len(wrong)} problems, {time.perf_counter() - start:.0f} s\n"
    )
    for text in wrong:
        sys.stdout.write(f"  {text}\n")
    sys.exit(1 if wrong or n_left else 0)


if __name__ == "__main__":
    main()
