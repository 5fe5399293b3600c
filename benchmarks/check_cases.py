"""What `benchmarks.check` times: a few seconds of what the tables of speed measure in minutes.

    python -m benchmarks.check_cases NAME ...   # prints seconds of processor time by name, as JSON

The code is always of this working tree; the polytask that it imports is the one on ``PYTHONPATH``.
"""

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from benchmarks.scripts import loaded

__all__ = ["CASES", "TABLES"]

N_ROUNDS = 3
"""Of a case in a process; the least counts, as whatever else happens can only add to it."""


def training_step() -> Callable[[], object]:
    """Train a small network for 300 steps."""
    script: Any = loaded("training_step")
    widths, n_rows = script.SHAPES["32"]
    source = script.at_hand(script.table(), n_rows)
    return lambda: script.ours(widths, 300, source)


def balanced(way: str) -> Callable[[], object]:
    """Make balanced steps of 40 tasks."""
    script: Any = loaded("balancing")
    learner, episodes = script.build("mlp", 40)
    step = script.step_of(way, learner, episodes)
    return lambda: [step() for _ in range(10 if way == "features" else 2)]


def solver() -> Callable[[], object]:
    """Weigh a Gramian of 40 tasks by UPGrad."""
    script: Any = loaded("solvers")
    weigh, gramian = script.ours_of("upgrad", 40), script.gramian_of(40, 0.0, 0)[0]
    return lambda: [weigh(gramian.clone()) for _ in range(500)]


def meta_iteration(way: str, kind: str) -> Callable[[], object]:
    """Make meta-iterations of MAML."""
    script: Any = loaded("meta")
    step, _ = script.step_of(way, kind, 25 if kind == "sinusoid" else 2, 5, device="cpu")
    return lambda: [step() for _ in range(5 if kind == "sinusoid" else 2)]


def fitting() -> Callable[[], object]:
    """Fit the networks of a table of 500 rows."""
    script: Any = loaded("table_fitting")
    rows = script.rows_of(500)
    script.N_EPOCHS = 10
    return lambda: script.ours(rows)


def reading() -> Callable[[], object]:
    """Read a CSV file of 40,000 rows."""
    import numpy as np

    script: Any = loaded("table_reading")
    path = Path(tempfile.mkdtemp(prefix="polytask-check-")) / "table.csv"
    script.mixed(np.random.default_rng(0), 40_000).to_csv(path, index=False)
    return lambda: script.WAYS["polytask"](path)


def classes() -> Callable[[], object]:
    """Grow a classifier of texts to 25 classes."""
    script: Any = loaded("living_classes")
    script.SIZES, script.ROUNDS, script.print = (25,), 5, lambda *_, **__: None
    return lambda: script.grown("hashed-text")


def command() -> Callable[[], object]:
    """Show the help of the command, in a process of its own."""
    asked = [sys.executable, "-m", "polytask", "--help"]
    return lambda: subprocess.run(asked, check=True, capture_output=True)


CASES: Mapping[str, Callable[[], Callable[[], object]]] = {
    "a training step": training_step,
    "a balanced step, features": lambda: balanced("features"),
    "a balanced step, exact": lambda: balanced("exact"),
    "UPGrad's weights, 40 tasks": solver,
    "MAML, sinusoid, loop": lambda: meta_iteration("loop", "sinusoid"),
    "MAML, sinusoid, vmap": lambda: meta_iteration("vmap", "sinusoid"),
    "MAML, Conv4, loop": lambda: meta_iteration("loop", "conv4"),
    "fitting a table": fitting,
    "reading a table": reading,
    "classes that are added": classes,
    "polytask --help": command,
}
TABLES = {
    "a training step": "training_step",
    "a balanced step, features": "balancing",
    "a balanced step, exact": "balancing",
    "UPGrad's weights, 40 tasks": "solvers",
    "MAML, sinusoid, loop": "meta",
    "MAML, sinusoid, vmap": "meta",
    "MAML, Conv4, loop": "meta",
    "fitting a table": "table_fitting",
    "reading a table": "table_reading",
    "classes that are added": "living-classes",
    "polytask --help": "command_start",
}
"""By case, the table that it stands for."""


def seconds_of(act: Callable[[], object]) -> float:
    """Return the processor time of an act and of the processes that it starts, the least of some rounds."""
    act()  # what is done once
    return min(_once(act) for _ in range(N_ROUNDS))


def _once(act: Callable[[], object]) -> float:
    def used() -> float:
        children = getrusage(RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    start = used()
    act()
    return used() - start


def main() -> None:
    """Time the cases that are named; of one that cannot run here the error is told."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found: dict[str, float | str] = {}
    for name in sys.argv[1:]:
        try:
            found[name] = seconds_of(CASES[name]())
        except Exception as error:  # noqa: BLE001 - an older polytask may lack what a case uses
            found[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
