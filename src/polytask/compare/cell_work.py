"""The work of a cell: choose settings inside the training part, fit, and predict what was held out."""

import os
import socket
import time
import warnings
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from polytask.compare.candidate import Candidate, as_outputs, of_classes
from polytask.compare.cells import Cell, CellRecord, is_done, write_cell
from polytask.compare.choice import FEWEST_LABELS, Proposal, choose, listed
from polytask.compare.claim import claimed
from polytask.compare.plan import TRIALS_FOLDER, Plan, open_plan
from polytask.compare.resources import measured
from polytask.compare.search import check_search, searched
from polytask.compare.table_rows import TableRows
from polytask.compare.trials import TrialFile
from polytask.core import PolytaskError, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import first_line
from polytask.core.one_thread import single_threaded

__all__ = ["CellState", "run_cell"]

CellState: TypeAlias = Literal["done", "busy", "late"]
"""``busy``: another process works on it. ``late``: the time is up."""

_MOST_MESSAGES = 5


def run_cell(
    folder: str, index: int, candidate: Candidate | None = None, deadline: float | None = None
) -> CellState:
    """Do a cell of a comparison, unless it is done, or being done by somebody else.

    Args:
        folder: Of the comparison.
        index: Of the cell in `Plan.cells`.
        candidate: The candidate; None for what the plan says.
        deadline: When not to begin any more, in the time of `time.time`.
    """
    plan = open_plan(folder)
    cell = plan.cells[index]
    cells = plan.folder / "cells"
    if is_done(cells, cell):
        return "done"
    if deadline is not None and time.time() >= deadline:
        return "late"
    candidate = candidate or plan.candidates[cell.candidate]
    if candidate is None:
        return "busy"
    if plan.search is not None:
        check_search()  # here, as it is not the candidate that fails
    with claimed(plan.folder / "claims" / cell.folder) as ours:
        if not ours:
            return "busy"
        if not is_done(cells, cell):
            _work(plan, cell, candidate, cells)
    return "done"


def _work(plan: Plan, cell: Cell, candidate: Candidate, cells: Path) -> None:
    began, found, error = time.time(), _Outcome(), None
    file = TrialFile(plan.folder / TRIALS_FOLDER / f"{cell.folder}.jsonl")
    with measured() as cost, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with usual_defaults(), single_threaded(), threadpool_limits(1):
            try:
                found = _outcome(plan, cell, candidate, file)
            except Exception as failure:  # noqa: BLE001 - of whatever is compared: the others go on
                error = str(failure) if isinstance(failure, PolytaskError) else first_line(failure)
    messages = list(dict.fromkeys(first_line(warning.message) for warning in caught if _counts(warning)))  # pyright: ignore[reportArgumentType]
    record = CellRecord(
        status="done" if error is None else "failed",
        seconds=cost.seconds + file.earlier_seconds,
        peak_bytes=cost.peak_bytes,
        settings=found.settings,
        trials=tuple(one.to_json() for one in file.trials),
        messages=tuple(messages[:_MOST_MESSAGES]),
        error=error,
        host=socket.gethostname(),
        process=os.getpid(),
        began=began,
        finished=time.time(),
    )
    write_cell(cells, cell, record, found.outputs)
    file.remove()


def _counts(warning: warnings.WarningMessage) -> bool:
    return not issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning, ResourceWarning))


class _Outcome:
    """Predictions for held-out rows, and the settings behind them, by target."""

    def __init__(self) -> None:
        self.outputs: dict[str, np.ndarray] = {}
        self.settings: dict[str, dict] = {}


def _outcome(plan: Plan, cell: Cell, candidate: Candidate, file: TrialFile) -> _Outcome:
    """Fit a candidate on the training part of its fold, and let it predict the rest."""
    fold, found = plan.fold(cell), _Outcome()
    train, held_out = plan.rows.rows(fold.train), plan.rows.rows(fold.held_out)
    seed = derive_seed(plan.seed, "cell", cell.repeat, cell.fold)
    names = [task.name for task in plan.rows.tasks if train.batch.n_labels(task.name) >= FEWEST_LABELS]
    for asked in [[name] for name in names] if candidate.per_target else [names] * bool(names):
        rows = train.only(asked)
        proposal = _proposal(plan, candidate, rows, seed=seed)
        settings, fitted = (
            ({}, candidate.fit(rows, {}, seed=seed))
            if proposal is None
            else choose(candidate, rows, proposal, file, seed=seed)
        )
        if fitted is None:
            continue
        predicted = fitted.predict(held_out)
        for task in rows.tasks:
            if task.name in predicted:
                outputs = as_outputs(task, predicted[task.name], len(held_out))
                found.outputs[task.name] = outputs.numpy()
                found.settings[task.name] = dict(settings)
    return found


def _proposal(plan: Plan, candidate: Candidate, rows: TableRows, *, seed: int) -> Proposal | None:
    """Return what proposes settings; None where the usual ones are all that there is."""
    if plan.search is None:
        options = candidate.options(rows.tasks, plan.trials)
        return listed(options) if len(options) > 1 else None
    side = of_classes(rows.tasks)
    space = plan.spaces[candidate.name][side]
    usual = {} if candidate.defaults is None else candidate.defaults[side]
    names = [task.name for task in rows.tasks]
    return searched(space, usual, plan.search, seed=derive_seed(seed, "search", *names)) if space else None
