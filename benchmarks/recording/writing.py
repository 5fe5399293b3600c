"""Records made in processes, and written to a folder."""

import json
import logging
import os
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from benchmarks.recording.groups import FEWER_STEPS, GROUPS
from benchmarks.recording.problems import N_STEPS

__all__ = ["write"]

Records = dict[str, dict[str, Any]]


def units(only: Iterable[str]) -> list[tuple[str, str]]:
    """Return the group and name of what is to be recorded."""
    every = [(group, unit) for group, found in GROUPS.items() for unit in found.units()]
    patterns = list(only) or ["*"]
    return [
        (group, unit)
        for group, unit in every
        if any(fnmatchcase(f"{group}/{unit}", pattern) for pattern in patterns)
    ]


def record(group: str, unit: str) -> tuple[str, str, Records, float]:
    """Make the records of a unit, in this process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    start = time.process_time()
    found = GROUPS[group].record(unit)
    seconds = time.process_time() - start
    return group, unit, {f"{group}/{unit}/{name}": each for name, each in found.items()}, seconds


def write(folder: Path, only: Iterable[str], jobs: int) -> None:
    """Record everything, or some of it, into a folder: a file for each group."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started from here
    start = time.perf_counter()
    found: dict[str, Records] = defaultdict(dict)
    seconds: dict[str, float] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(record, *unit) for unit in units(only)]
        for done in as_completed(running):
            group, unit, records, took = done.result()
            found[group] |= records
            seconds[f"{group}/{unit}"] = took
            print(
                f"{len(seconds)}/{len(running)} {group}/{unit} {took:.1f} s of CPU",
                file=sys.stderr,
                flush=True,
            )
    folder.mkdir(parents=True, exist_ok=True)
    for group, records in found.items():
        lines = [f"{json.dumps(name)}: {json.dumps(records[name])}" for name in sorted(records)]
        (folder / f"{group}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (folder / "about.json").write_text(json.dumps(about(seconds), indent=1) + "\n")
    for group in sorted(found):
        print(said(group, found[group]))
    slowest = sorted(seconds, key=lambda name: -seconds[name])[:5]
    print(f"slowest: {', '.join(f'{name} {seconds[name]:.0f} s' for name in slowest)}")
    print(f"{time.perf_counter() - start:.0f} s with {jobs} jobs; records are in {folder}")


def about(seconds: dict[str, float]) -> dict[str, Any]:
    """Return what the records were made with, and what a reader should know of them."""
    return {
        "torch": torch.__version__,
        "processor": torch.backends.cpu.get_cpu_capability(),
        "steps": N_STEPS,
        "fewer_steps": FEWER_STEPS,
        "seconds": {name: round(seconds[name], 2) for name in sorted(seconds)},
    }


def said(group: str, records: Records) -> str:
    """Say how many records there are, and what was refused."""
    refused = Counter(str(each["refused"]) for each in records.values() if "refused" in each)
    words = "".join(f", {n} {name}" for name, n in refused.most_common())
    return f"{group}: {len(records)} records{words}"
