"""What a user calls from Python besides: estimators, the demo, and the public checks."""

import runpy
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reaching.runs import Run, asked
from reaching.tables import plain_table

__all__ = ["library_runs"]


def library_runs(folder: Path) -> Iterator[Run]:
    """Yield what a user calls from Python."""
    yield Run("python -m polytask", _as_module)
    yield Run("demo", partial(_demo, folder))
    yield Run("fit, save and load", partial(_estimators, folder))
    yield Run("tables in memory", partial(_tables_in_memory, folder))
    yield Run("the public checks", _checks)
    yield Run("downloads", partial(_downloads, folder))
    yield Run("names of the release before", partial(_old_names, folder))
    yield Run("a saving that was killed", partial(_killed, folder))


def _as_module() -> None:
    """Start the command as a module, as where no script is on the path."""
    sys.argv = ["polytask", "methods"]
    try:
        runpy.run_module("polytask", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise


def _demo(folder: Path) -> None:
    """Run the demo as the command does, on little training."""
    from polytask import demo as module

    small = {"n_episodes": 3, "n_tasks": 4, "n_drawings": 60, "n_splits": 1, "epochs": 2}
    module.run_demo = partial(module.run_demo, steps=2, **small)
    asked("demo", "-o", folder / "demo", "--repeats", "2", "--quiet", says="Report written to").act()


def _estimators(folder: Path) -> None:
    import polytask

    frame = plain_table(folder)
    model = polytask.fit(frame, ["size", "kind"], epochs=2, width=8)
    model.save(folder / "from-python")
    again: Any = polytask.load(folder / "from-python")
    again.predict(frame)


def _checks() -> None:
    """Check balancers with options that no name of the command stands for, and learners of each kind."""
    import torch
    from torch import nn
    from torchjd.aggregation import MGDAWeighting, UPGradWeighting

    from polytask.architectures import HardSharing
    from polytask.balancing import Periodic, Smoothed
    from polytask.balancing.methods import FAMO, RLW, SoftAdapt, UncertaintyWeighting, UPGrad
    from polytask.balancing.wrappers.torchjd import GramianWeighted
    from polytask.checks import check_balancer, check_learner, check_source
    from polytask.core import Batch, Episode, SharedModel, Task
    from polytask.data import ClassificationEpisodes, FunctionEpisodes, Sinusoids
    from polytask.datasets import glyphs
    from polytask.execution import check_meta_gradient
    from polytask.meta.initialization import MAML
    from polytask.meta.metric import FEAT, Prototypes

    check_balancer(lambda _: UPGrad())
    check_balancer(lambda names: UncertaintyWeighting(names))
    check_balancer(lambda names: Smoothed(FAMO(names), names))
    check_balancer(lambda names: Periodic(UPGrad(), names, every=2))
    for weighting in (MGDAWeighting, UPGradWeighting):
        check_balancer(lambda _, build=weighting: GramianWeighted(build()))
    for distribution in ("uniform", "dirichlet", "bernoulli", "constrained-bernoulli"):
        check_balancer(lambda _, name=distribution: RLW(distribution=name))
    for variant in ("original", "normalized", "loss-weighted"):
        check_balancer(lambda names, kind=variant: SoftAdapt(names, window=1, variant=kind))
    source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=2, seed=0)
    learner = MAML(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), inner_rate=0.01)
    check_source(source)
    check_learner(learner, source.step(0))
    found = check_meta_gradient(learner.double(), [one.to("cpu", torch.float64) for one in source.step(0)])
    if not found.ok or "is right" not in str(found):
        raise AssertionError(str(found))
    letters = ClassificationEpisodes(
        glyphs("test", n_samples=4), n_way=3, n_shot=1, n_query=2, n_episodes=2, seed=0
    )
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8))
    check_source(letters)
    for few_shot in (Prototypes(encoder), FEAT(encoder, n_features=8, contrast=0.1)):
        check_learner(few_shot, [one.to("cpu", torch.float32) for one in letters.step(0)])
    tasks = tuple(Task(name=name, kind="regression") for name in "ab")
    heads = {task.name: nn.Linear(4, 1) for task in tasks}
    rows = Batch(inputs=torch.rand(6, 3), targets={task.name: torch.rand(6) for task in tasks})
    check_learner(SharedModel(tasks, HardSharing(nn.Linear(3, 4)), heads), [Episode(tasks=tasks, query=rows)])


def _tables_in_memory(folder: Path) -> None:
    """Fit tables of other libraries and of unusual types, and refuse what is none."""
    import numpy as np
    import pandas as pd
    import pyarrow

    import polytask
    from polytask.core import DataError, InputError

    frame = plain_table(folder).drop(columns=["note", "day"])
    short: dict[str, Any] = {"epochs": 1, "width": 8, "baselines": False}
    n = len(frame)
    numbers = frame[["width", "size"]].fillna(0)
    columns: dict[str, Any] = {
        "size": pd.to_timedelta(frame["size"].abs().fillna(1), unit="D"),
        "kind": [True if name == "big" else None if name == "small" else False for name in frame["kind"]],
        "width": frame["width"].to_numpy().astype(">f8"),
        "few": pd.arrays.SparseArray(np.arange(n) % 3),
        "paid": pd.Series(np.arange(n) % 4).astype("int64[pyarrow]"),
        "asked": pd.array(["?" if row % 5 else "yes" for row in range(n)], dtype="string[pyarrow]"),
        "waited": pd.Series(pd.to_timedelta(np.arange(n), unit="h")).astype("duration[s][pyarrow]"),
        "mixed": [row if row % 2 else str(row) for row in range(n)],
    }
    typed = frame.assign(**columns)
    tables: dict[str, tuple[Any, list[str]]] = {
        "a dictionary": (frame.to_dict("list"), ["size", "kind"]),
        "an Arrow table": (pyarrow.Table.from_pandas(frame), ["size", "kind"]),
        "an array": (numbers.to_numpy(), ["1"]),
        "records": (numbers.to_records(index=False), ["size"]),
        "many types": (typed, ["size", "kind", "mixed"]),
    }
    for name, (table, targets) in tables.items():
        model = polytask.fit(table, targets, **short)
        answers = model.predict(table)
        if len(answers) != n:
            raise AssertionError(f"{name}: {len(answers)} answers")
    odd: list[Any] = [[[row] for row in range(n)], [object()] * n, 1j]
    for wrong in (*(frame.assign(width=column) for column in odd), frame["size"], 3):
        try:
            polytask.fit(wrong, ["size"], **short)
        except (InputError, DataError):
            continue
        raise AssertionError(f"{type(wrong).__name__} was taken for a table")


def _downloads(folder: Path) -> None:
    """Get files from addresses; damage is told, and what is there stays."""
    import hashlib

    from polytask.core import DataError, InputError
    from polytask.datasets import download
    from polytask.datasets.fetching import fetch

    origin = folder / "origin.txt"
    origin.write_bytes(b"official")
    digest = hashlib.sha256(b"official").hexdigest()
    target = folder / "fetched" / "origin.txt"
    for _ in range(2):  # the second one finds it there
        fetch(origin.as_uri(), target, sha256=digest)
    if target.read_bytes() != b"official":
        raise AssertionError("another file came")

    def refused(act: Callable[[], object], says: str) -> None:
        try:
            act()
        except (DataError, InputError) as error:
            if says not in str(error):
                raise
            return
        raise AssertionError(f"{says}: it was not refused")

    refused(lambda: fetch(origin.as_uri(), folder / "other.txt", sha256="0" * 64), "damaged on the way")
    refused(lambda: fetch("origin.txt", folder / "other.txt", sha256=None), "is no address")
    refused(lambda: fetch(f"{origin.as_uri()}.gz", folder / "other.txt", sha256=None), "Cannot download")
    refused(lambda: download("mnits", folder), "There is no dataset")
    refused(lambda: download("glyphs", folder), "needs no files")
    refused(lambda: download("census_income", folder), "by hand")


def _old_names(folder: Path) -> None:
    """Meet the names of the release before: they work, and warn."""
    import importlib
    import json
    import warnings

    import polytask
    from polytask import renamed

    renames = json.loads(Path(renamed.__file__).with_name("renames.json").read_text())
    old_module = next(name for name in renames["modules"] if name.startswith("polytask.balancing."))
    old_name = next(name for name in renames["names"] if name.count(".") == 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        importlib.import_module(old_module)
        room, _, name = old_name.rpartition(".")
        getattr(importlib.import_module(room), name)
        frame = plain_table(folder)
        fit: Any = polytask.fit
        fit(frame, ["size"], sharing="hard", epochs=1, width=8, baselines=False)
    told = [str(one.message) for one in caught if issubclass(one.category, FutureWarning)]
    if len(told) < 3:
        raise AssertionError(f"only this was told: {told}")


def _killed(folder: Path) -> None:
    """Save a model where an earlier saving was killed: what that one left goes."""
    import os
    import signal

    import polytask
    from polytask.core.files import write_atomically

    frame = plain_table(folder)
    model = polytask.fit(frame, ["size"], epochs=1, width=8, baselines=False)
    model.save(folder / "killed")
    child = os.fork()
    if not child:
        write_atomically(folder / "killed" / "model.json", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)
    left = list((folder / "killed").glob(".*"))
    model.save(folder / "killed")
    if not left or list((folder / "killed").glob(".*")):
        raise AssertionError(f"a killed saving left {left}, and it is still there")
