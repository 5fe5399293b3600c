"""Choose the settings of a candidate inside a training part: each is judged by rows that it has not seen.

Where a candidate says what parts of it predict for rows that they have not seen, that decides; else it is
fitted on folds first. Losses are in units of the constant prediction's, and averaged over targets.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.compare.candidate import Candidate, Fitted, Predictions, Settings, as_outputs
from polytask.compare.table_rows import TableRows
from polytask.compare.trials import Trial, TrialFile
from polytask.core import PolytaskError, ResultWarning, Task, derive_seed
from polytask.core.errors import first_line
from polytask.core.strict_json import format_json
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import row_losses

__all__ = ["FEWEST_LABELS", "Proposal", "choose", "listed", "relative_loss"]

FEWEST_LABELS = 2
"""Labels without which a target is not predicted."""

Proposal = Callable[[Sequence[Trial]], Settings | None]
"""From the trials so far to the settings of the next one; None for no more."""

_INNER_FOLDS = 3  # by which settings are judged


def listed(options: Sequence[Settings]) -> Proposal:
    """Propose some settings, one after the other."""
    return lambda done: options[len(done)] if len(done) < len(options) else None


def choose(
    candidate: Candidate, rows: TableRows, propose: Proposal, file: TrialFile, *, seed: int
) -> tuple[Settings, Fitted | None]:
    """Try settings, and return those with the lowest loss, with what was fitted by them on all rows.

    Args:
        candidate: Is fitted.
        rows: The training part.
        propose: Gives the settings; the first ones have to do, later ones may fail.
        file: Trials that another process has done are not done again, if they are those that are proposed.
        seed: Decides everything random.
    """
    names = tuple(task.name for task in rows.tasks)
    done = _still_right(file.of(names), propose)
    file.keep(names, done)
    judge = _Judge(candidate, rows, seed=seed)
    fitted: _Best | None = None
    while (settings := propose(done)) is not None:
        began = time.perf_counter()
        attempt = _attempt(judge, settings, done)
        if attempt.fitted is None and attempt.unable:
            return settings, None
        trial = Trial(
            targets=names, settings=dict(settings), loss=attempt.loss, error=attempt.error,
            seconds=time.perf_counter() - began,
        )  # fmt: skip
        file.add(trial)
        done = [*done, trial]
        if attempt.fitted is not None and _best(done) is trial:
            fitted = _Best(settings=settings, fitted=attempt.fitted)
    failed = [one for one in done if one.error is not None]
    if failed:
        first = format_json(failed[0].settings, indent=None)
        text = f"{len(failed)} of {len(done)} settings failed, first {first}: {failed[0].error}"
        warnings.warn(text, ResultWarning, stacklevel=2)
    best = _best(done).settings
    if fitted is not None and fitted.settings == best:
        return best, fitted.fitted
    return best, candidate.fit(rows, best, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Best:
    settings: Settings
    fitted: Fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What came of some settings; ``unable`` where the candidate cannot predict these targets at all."""

    loss: float | None
    fitted: Fitted | None = None
    error: str | None = None
    unable: bool = False


def _still_right(trials: Sequence[Trial], propose: Proposal) -> list[Trial]:
    """Return the trials up to the first that would be another one today."""
    done: list[Trial] = []
    for trial in trials:
        settings = propose(done)
        if settings is None or dict(settings) != dict(trial.settings):
            break
        done.append(trial)
    return done


def _best(trials: Sequence[Trial]) -> Trial:
    """Return the one with the lowest loss; the first where none has one."""
    return min(trials, key=lambda one: math.inf if one.loss is None else one.loss)


def _attempt(judge: "_Judge", settings: Settings, done: Sequence[Trial]) -> _Attempt:
    """Judge some settings; those that were judged before keep their loss."""
    for one in done:
        if dict(one.settings) == dict(settings):
            return _Attempt(loss=one.loss, error=one.error)
    if not done:
        return judge.attempt(settings)
    try:
        return judge.attempt(settings)
    except Exception as failure:  # noqa: BLE001 - of whatever is compared: a trial that fails counts
        error = str(failure) if isinstance(failure, PolytaskError) else first_line(failure)
        return _Attempt(loss=None, error=error)


class _Judge:
    """Judges settings by rows of the training part that are held out."""

    def __init__(self, candidate: Candidate, rows: TableRows, *, seed: int) -> None:
        self.candidate, self.rows, self.seed = candidate, rows, seed
        self.judges_itself: bool | None = None  # known once something was fitted

    def attempt(self, settings: Settings) -> _Attempt:
        """Fit with some settings, and measure the loss."""
        fitted = None
        if self.judges_itself is not False:
            fitted = self.candidate.fit(self.rows, settings, seed=self.seed)
            if fitted is None:
                return _Attempt(loss=None, unable=True)
            self.judges_itself = fitted.out_of_fold is not None
        if fitted is not None and fitted.out_of_fold is not None:
            known = {
                task.name: _known_outputs(task, fitted.out_of_fold[task.name]) for task in self.rows.tasks
            }
        else:
            known = self._held_out(settings)
        loss = relative_loss(self.rows, known)
        return _Attempt(loss=loss if math.isfinite(loss) else None, fitted=fitted)

    def _held_out(self, settings: Settings) -> dict[str, Tensor]:
        """Return what is predicted for each row by models that have not seen it."""
        rows, seed = self.rows, self.seed
        found = {task.name: torch.full((len(rows), task.n_outputs), torch.nan) for task in rows.tasks}
        for fold in rows.folds(_INNER_FOLDS, seed=derive_seed(seed, "choice")):
            train, others = rows.rows(fold.train), rows.rows(fold.held_out)
            learned = [task.name for task in rows.tasks if train.batch.n_labels(task.name) >= FEWEST_LABELS]
            part = self.candidate.fit(train.only(learned), settings, seed=seed) if learned else None
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


def relative_loss(rows: TableRows, outputs: Mapping[str, Tensor]) -> float:
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
