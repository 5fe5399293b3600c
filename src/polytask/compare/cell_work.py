"""The work of a cell: choose settings inside the training part, fit, and predict what was held out."""

import os
import socket
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from polytask.compare.candidate import Candidate, Fitted, Predictions, Settings, as_outputs
from polytask.compare.cells import Cell, CellRecord, is_done, write_cell
from polytask.compare.claim import claimed
from polytask.compare.plan import Plan, open_plan
from polytask.compare.resources import measured
from polytask.compare.table_rows import TableRows
from polytask.core import PolytaskError, Task, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import first_line
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import row_losses
from polytask.train.threads import single_threaded

__all__ = ["CellState", "run_cell"]

CellState: TypeAlias = Literal["done", "busy", "late"]
"""``busy``: another process works on it. ``late``: the time is up."""

_INNER_FOLDS = 3  # by which settings are judged
_FEWEST_LABELS = 2
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
    with claimed(plan.folder / "claims" / cell.folder) as ours:
        if not ours:
            return "busy"
        if not is_done(cells, cell):
            _work(plan, cell, candidate, cells)
    return "done"


def _work(plan: Plan, cell: Cell, candidate: Candidate, cells: Path) -> None:
    began, found, error = time.time(), _Outcome(), None
    with measured() as cost, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with usual_defaults(), single_threaded(), threadpool_limits(1):
            try:
                found = _outcome(plan, cell, candidate)
            except Exception as failure:  # noqa: BLE001 - of whatever is compared: the others go on
                error = str(failure) if isinstance(failure, PolytaskError) else first_line(failure)
    messages = list(dict.fromkeys(first_line(warning.message) for warning in caught if _counts(warning)))  # pyright: ignore[reportArgumentType]
    record = CellRecord(
        status="done" if error is None else "failed",
        seconds=cost.seconds,
        peak_bytes=cost.peak_bytes,
        settings=found.settings,
        messages=tuple(messages[:_MOST_MESSAGES]),
        error=error,
        host=socket.gethostname(),
        process=os.getpid(),
        began=began,
        finished=time.time(),
    )
    write_cell(cells, cell, record, found.outputs)


def _counts(warning: warnings.WarningMessage) -> bool:
    return not issubclass(warning.category, (DeprecationWarning, PendingDeprecationWarning, ResourceWarning))


class _Outcome:
    """Predictions for held-out rows, and the settings behind them, by target."""

    def __init__(self) -> None:
        self.outputs: dict[str, np.ndarray] = {}
        self.settings: dict[str, dict] = {}


def _outcome(plan: Plan, cell: Cell, candidate: Candidate) -> _Outcome:
    """Fit a candidate on the training part of its fold, and let it predict the rest."""
    fold, found = plan.fold(cell), _Outcome()
    train, held_out = plan.rows.rows(fold.train), plan.rows.rows(fold.held_out)
    seed = derive_seed(plan.seed, "cell", cell.repeat, cell.fold)
    names = [task.name for task in plan.rows.tasks if train.batch.n_labels(task.name) >= _FEWEST_LABELS]
    for asked in [[name] for name in names] if candidate.per_target else [names] * bool(names):
        rows = train.only(asked)
        settings, fitted = _fitted(candidate, rows, plan.trials, seed=seed)
        if fitted is None:
            continue
        predicted = fitted.predict(held_out)
        for task in rows.tasks:
            if task.name in predicted:
                outputs = as_outputs(task, predicted[task.name], len(held_out))
                found.outputs[task.name] = outputs.numpy()
                found.settings[task.name] = dict(settings)
    return found


def _fitted(
    candidate: Candidate, rows: TableRows, trials: int, *, seed: int
) -> tuple[Settings, Fitted | None]:
    """Choose settings by folds of the training part, and fit with them.

    Where a candidate says what parts of it predict for rows that they have not seen, that decides; else it is
    fitted on folds first. Losses are in units of the constant prediction's, and averaged over targets.
    """
    options = candidate.options(rows.tasks, trials)
    usual = options[0]
    if len(options) == 1:
        return usual, candidate.fit(rows, usual, seed=seed)
    fitted = candidate.fit(rows, usual, seed=seed)
    if fitted is None:
        return usual, None
    best, chosen, lowest = fitted, usual, _loss(rows, _held_out(candidate, rows, usual, fitted, seed=seed))
    for option in options[1:]:
        judges_itself = fitted.out_of_fold is not None
        attempt = candidate.fit(rows, option, seed=seed) if judges_itself else None
        loss = _loss(rows, _held_out(candidate, rows, option, attempt, seed=seed))
        if loss < lowest:
            best, chosen, lowest = attempt, option, loss
    return chosen, best if best is not None else candidate.fit(rows, chosen, seed=seed)


def _held_out(
    candidate: Candidate, rows: TableRows, settings: Settings, fitted: Fitted | None, *, seed: int
) -> dict[str, Tensor]:
    """Return what is predicted for rows of the training part by models that have not seen them."""
    if fitted is not None and fitted.out_of_fold is not None:
        return {task.name: _known_outputs(task, fitted.out_of_fold[task.name]) for task in rows.tasks}
    found = {task.name: torch.full((len(rows), task.n_outputs), torch.nan) for task in rows.tasks}
    for fold in rows.folds(_INNER_FOLDS, seed=derive_seed(seed, "choice")):
        train, others = rows.rows(fold.train), rows.rows(fold.held_out)
        learned = [task.name for task in rows.tasks if train.batch.n_labels(task.name) >= _FEWEST_LABELS]
        part = candidate.fit(train.only(learned), settings, seed=seed) if learned else None
        predicted: Predictions = {} if part is None else part.predict(others)
        for task in rows.tasks:
            if task.name in predicted:
                found[task.name][torch.from_numpy(fold.held_out)] = as_outputs(
                    task, predicted[task.name], len(others)
                )
    return found


def _known_outputs(task: Task, predicted: np.ndarray) -> Tensor:
    """Return predictions as outputs; rows without one stay NaN."""
    predicted = np.asarray(predicted).reshape(len(predicted), -1)
    known = np.isfinite(predicted).all(1)
    outputs = torch.full((len(predicted), task.n_outputs), torch.nan)
    outputs[torch.from_numpy(known)] = as_outputs(task, predicted[known], int(known.sum()))
    return outputs


def _loss(rows: TableRows, outputs: Mapping[str, Tensor]) -> float:
    """Return the mean over targets of the loss, in units of the constant prediction's; lower is better."""
    constant = all_predictions(constant_predictor(rows.tasks, rows.batch), rows.batch)
    losses = []
    for task in rows.tasks:
        judged = ~outputs[task.name].isnan().any(-1) & rows.batch.labelled(task.name)
        part = rows.batch.rows(judged)
        if len(part):
            ours, unit = (
                float(row_losses(task, side[task.name][judged].double(), part).mean())
                for side in (outputs, constant)
            )
            losses.append(ours / max(unit, 1e-9))
    return sum(losses) / len(losses) if losses else float("inf")
