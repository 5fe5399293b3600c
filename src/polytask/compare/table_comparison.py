"""Compare ways to predict the targets of a table: together or apart, by networks or by something else."""

import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polytask.compare.candidate import Candidate
from polytask.compare.catalogue import DEFAULT_CANDIDATES, candidates_of
from polytask.compare.cells import RECORD_FILE
from polytask.compare.networks import JointNetworks
from polytask.compare.plan import Plan, check_plan, open_plan, write_plan
from polytask.compare.results import Comparison
from polytask.compare.runner import processors, run_cells
from polytask.compare.table_rows import TableRows
from polytask.compare.verdict import judge_cells
from polytask.core import DataWarning, InputError, ResultWarning, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.fitting.planned_fit import table_summary
from polytask.fitting.table_preparation import Columns, PreparedTable, prepare_table
from polytask.fitting.target_options import check_metrics, with_metrics
from polytask.train.progress import TrainingBar, phase, run_line

__all__ = ["compare", "plan_comparison", "work_on"]


def compare(
    table: Any,
    targets: Any,
    *,
    candidates: Any = None,
    settings: Mapping[str, Any] | None = None,
    directory: str | Path | None = None,
    folds: Any = None,
    repeats: int = 1,
    trials: int = 1,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    fold_column: str | int | None = None,
    metrics: Mapping[str, str] | None = None,
    drop: Any = (),
    seed: int = 0,
    time_budget: float | None = None,
    executor: Any = None,
    workers: int | None = None,
    progress: bool | None = None,
    files: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare ways to predict the targets of a table, on the same folds and with the same budget.

    Each candidate is fitted on the training part of every fold, and chooses its settings and when to stop
    inside it; the rows that are held out are predicted once. The result says, for each target, whether joint
    training helps or hurts it, and whether another method is better.

    Args:
        table: As for `polytask.fit`.
        targets: As for `polytask.fit`.
        candidates: None for the usual ones; names, import paths such as ``"lightgbm.LGBMRegressor"``,
            scikit-learn estimators, see `polytask.compare.candidates_of`.
        settings: Of the networks among them that are given by name, as `polytask.fit` has them:
            ``{"epochs": 50, "width": 32}``.
        directory: A folder in which every finished cell (a candidate in a fold) is kept: a killed comparison
            that is called again with it goes on where it was. None keeps nothing.
        folds: How many folds, None for 5, or 3 of more than 20,000 rows; a scikit-learn splitter; or pairs of
            row positions (training, held out).
        repeats: How often rows are dealt into folds anew.
        trials: Settings of which each candidate may choose; 1 for the usual ones.
        group: Rows that share a value of this column are never on both sides.
        time_column: Train on earlier rows and judge by later ones.
        weight_column: How much each row counts in training.
        fold_column: Rows that share a value of this column are a fold, instead of ``folds``.
        metrics: Which metric compares the candidates on a target, by name; see `polytask.fit`.
        drop: Columns that are not to be used; one, or a sequence.
        seed: The same one gives the same result, whoever does the work.
        time_budget: Seconds after which no cell is begun any more; folds that lack one are not judged.
        executor: Does the cells: a `concurrent.futures.Executor`, that of a Dask client, or one of submitit.
            Its workers need the folder on a shared disk. None for processes on this machine.
        workers: How many processes, without an executor; 1 does everything in this one, None takes as many as
            there are processors.
        progress: Show one line for the whole run: its phase, the time left; None where a person watches.
        files: Further texts that are kept in the folder, by name; they do not make it another comparison.

    Returns:
        The result; ``str(result)`` is what to do, in words.

    Raises:
        InputError: A setting or the table is wrong; the message says what, where and how to mend it.
        BundleError: The folder holds another comparison.
        TrainingError: A worker died, or there is nothing to judge.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.random.default_rng(0).normal(size=(120, 2))
        >>> table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1)})
        >>> found = compare(table, "sum", candidates=["constant", "linear"], folds=3, workers=1)
        >>> found.best("sum")
        'linear'
    """
    shown = _check_settings(repeats, trials, seed, folds, workers, time_budget, progress)
    deadline = None if time_budget is None else time.time() + time_budget
    columns = Columns.of(
        targets, group=group, time=time_column, drop=drop, weight=weight_column, fold=fold_column
    )
    metrics = _checked_metrics(metrics)
    with run_line("compare", shown=shown):
        phase("reading")
        named = candidates_of(_usual(candidates, columns), settings)
        asked = _read(table, columns, named, metrics, folds=folds, repeats=repeats, seed=seed)
        prepared = asked.prepared
        for note in prepared.messages:
            warnings.warn(note, DataWarning, stacklevel=2)
        with _folder(directory) as folder:
            plan = write_plan(
                folder,
                TableRows.of(prepared),
                prepared.repeats,
                asked.candidates,
                trials=trials,
                seed=seed,
                data=_data(asked.frame, columns, metrics),
                files=files or {},
            )
            again = "call `polytask.compare` again with the same `directory`"
            with interruptible(
                None if directory is None else folder,
                again=again,
                keep="`directory`",
                name="folder of the comparison",
                saved_as=RECORD_FILE,
            ):
                _run(plan, executor=executor, workers=workers, deadline=deadline, progress=shown)
            phase("judging")
            found = judge_cells(plan)
    for message in found.messages:
        warnings.warn(message, ResultWarning, stacklevel=2)
    return replace(found, messages=(*prepared.messages, *found.messages))


def plan_comparison(
    table: Any,
    targets: Any,
    *,
    candidates: Any = None,
    settings: Mapping[str, Any] | None = None,
    directory: str | Path | None = None,
    folds: Any = None,
    repeats: int = 1,
    trials: int = 1,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    fold_column: str | int | None = None,
    metrics: Mapping[str, str] | None = None,
    drop: Any = (),
    seed: int = 0,
    time_budget: float | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Read and check everything that `compare` is given, and tell what it would do; nothing is trained.

    Returns:
        As plain JSON what `polytask.fitting.planned_fit.table_summary` says of the table, and the candidates,
        the cells, how many of these the folder holds already, the processes, and what was noteworthy.

    Raises:
        InputError: What `compare` would refuse.
        BundleError: The folder holds another comparison.
    """
    _check_settings(repeats, trials, seed, folds, workers, time_budget, progress=False)
    columns = Columns.of(
        targets, group=group, time=time_column, drop=drop, weight=weight_column, fold=fold_column
    )
    metrics = _checked_metrics(metrics)
    named = candidates_of(_usual(candidates, columns), settings)
    asked = _read(table, columns, named, metrics, folds=folds, repeats=repeats, seed=seed)
    prepared, done = asked.prepared, 0
    if directory is not None:
        folder = user_path(directory).absolute()
        described = {"trials": trials, "seed": seed, "data": _data(asked.frame, columns, metrics)}
        check_plan(folder, TableRows.of(prepared), prepared.repeats, asked.candidates, **described)
        done = len(list((folder / "cells").glob(f"*/{RECORD_FILE}")))
    n_cells = len(asked.candidates) * sum(map(len, prepared.repeats))
    return {
        **table_summary(asked.frame, columns, prepared),
        "candidates": [{"name": one.name, "words": one.words} for one in asked.candidates],
        "trials": trials,
        "cells": n_cells,
        "cells_done": done,
        "workers": min(workers or processors(), max(n_cells - done, 1)),
        "messages": list(prepared.messages),
    }


def _usual(given: Any, columns: Columns) -> Any:
    """Leave joint networks out of the usual candidates of one target: they would be the single ones."""
    if given is None and len(columns.targets) == 1:
        return [name for name in DEFAULT_CANDIDATES if not name.startswith("joint")]
    return given


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What a comparison is about, read and checked."""

    frame: Any
    candidates: tuple[Candidate, ...]
    prepared: PreparedTable


def _read(
    table: Any,
    columns: Columns,
    asked: tuple[Candidate, ...],
    metrics: Mapping[str, str] | None,
    *,
    folds: Any,
    repeats: int,
    seed: int,
) -> _Asked:
    frame = read_table(table)
    with usual_defaults():
        prepared = prepare_table(
            frame, columns, folds=folds, repeats=repeats, seed=derive_seed(seed, "table")
        )
        prepared = with_metrics(prepared, metrics)
    _check_candidates(asked, [task.name for task in prepared.tasks])
    return _Asked(frame=frame, candidates=asked, prepared=prepared)


def _check_settings(
    repeats: Any, trials: Any, seed: Any, folds: Any, workers: Any, time_budget: Any, progress: Any
) -> bool:
    check = SettingsCheck()
    for name, value, least in (("repeats", repeats, 1), ("trials", trials, 1), ("seed", seed, 0)):
        check.whole(name, value, least=least)
    if isinstance(folds, int | float):
        check.whole("folds", folds, least=2)
    if workers is not None:
        check.whole("workers", workers, least=1)
    if time_budget is not None:
        check.number("time_budget", time_budget, above=0)
    shown = check.shown("progress", progress)
    check.done()
    return shown


def work_on(
    directory: str | Path,
    *,
    workers: int | None = 1,
    time_budget: float | None = None,
    progress: bool | None = None,
) -> Comparison | None:
    """Do cells of a comparison that somebody else has begun, until none is left that nobody works on.

    Args:
        directory: Its folder.
        workers: As for `compare`.
        time_budget: As for `compare`.
        progress: As for `compare`.

    Returns:
        The result, if this was the last one; else None.

    Raises:
        BundleError: There is no comparison.
        InputError: A setting is wrong.
    """
    check = SettingsCheck()
    if workers is not None:
        check.whole("workers", workers, least=1)
    if time_budget is not None:
        check.number("time_budget", time_budget, above=0)
    shown = check.shown("progress", progress)
    check.done()
    plan = open_plan(user_path(directory))
    deadline = None if time_budget is None else time.time() + time_budget
    n_left = _run(plan, workers=workers, deadline=deadline, progress=shown, wait=False)
    if n_left:
        return None
    found = judge_cells(plan)
    for message in found.messages:
        warnings.warn(message, ResultWarning, stacklevel=2)
    return found


def _run(plan: Plan, *, progress: bool, **settings: Any) -> int:
    n_cells = len(plan.cells)
    with run_line("compare", shown=progress), TrainingBar(n_cells, title="cells", shown=progress) as bar:

        def tell(n_done: int) -> None:
            bar.advance(n_done)
            bar.note(f"{n_done} of {n_cells}")

        return run_cells(plan, tell=tell, **settings)


@contextmanager
def _folder(given: str | Path | None) -> Iterator[Path]:
    """Have the folder of the comparison; one that nobody has asked for is removed again."""
    if given is not None:
        yield user_path(given).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="polytask-compare-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _checked_metrics(given: Any) -> dict[str, str] | None:
    check = SettingsCheck()
    checked = check_metrics(check, given)
    check.done()
    return checked


def _data(frame: Any, columns: Columns, metrics: Mapping[str, str] | None) -> dict[str, object]:
    """Say where the table comes from, in the words of the call."""
    asked = {"fold_column": columns.fold, "metrics": metrics}
    return {
        "fingerprint": fingerprint(frame),
        "table_rows": len(frame),
        "targets": list(columns.targets),
        "group": columns.group,
        "time_column": columns.time,
        "weight_column": columns.weight,
        "drop": list(columns.drop),
        **{name: given for name, given in asked.items() if given},
    }


def _check_candidates(candidates: Sequence[Candidate], targets: Sequence[str]) -> None:
    for candidate in candidates:
        if isinstance(candidate, JointNetworks):
            candidate.check_targets(targets)
            if len(targets) < 2 and candidate.groups is not None:
                raise InputError(f"Candidate {candidate.name!r} has groups, but there is one target.")
