"""Learn from a table with many small tasks how to predict numbers or classes of new ones."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from polytask.core import DataWarning, ResultWarning, derive_seed
from polytask.core.errors import other_remedy
from polytask.core.interrupts import interruptible
from polytask.core.warned import warn_all
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.estimators.task_learning import TaskLearning
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.mixed_candidate import Mixed
from polytask.fitting.new_task_scores import chosen_learner, trials_of
from polytask.fitting.task_candidate import TaskCandidate
from polytask.fitting.task_learner_table import TaskLearnerTable, deal_tasks
from polytask.fitting.task_learner_trials import Levels, Network, Trial, tried
from polytask.fitting.task_table_fit import fit_task_table
from polytask.models.in_context_model import InContextModel
from polytask.models.in_context_reading import most_rows_text
from polytask.models.in_context_results import InContextResults, TaskLearnerTrial
from polytask.models.task_table_model import TaskTableModel
from polytask.train.progress import phase, run_line

__all__ = ["learn_tasks", "trained_network", "tried_learners"]

_BASELINE = "levels"
_REMEDY = "Lower `learning_rate`, or choose another `learner`."


def learn_tasks(source: Any, asked: TaskLearning, *, stacklevel: int = 2) -> InContextModel | TaskTableModel:
    """Learn from a table what its tasks have in common; see `polytask.learn` with a task column.

    Args:
        source: The table.
        asked: How.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Raises:
        DataError: The table cannot be used.

    Warns:
        DataWarning: Something about the data is noteworthy.
        ResultWarning: The learner does no better than levels of tasks, on held-out tasks.
    """
    start = time.perf_counter()
    with run_line("learn", shown=asked.progress), other_remedy(_REMEDY), interruptible():
        phase("reading")
        frame = read_table(source)
        read = asked.read_targets(frame)
        why = asked.needs_mixed(frame, read.targets)
        if why is not None:
            return _fitted_mixed(frame, asked, why, stacklevel=stacklevel + 1)
        table = asked.read(frame, read)
        found = tried_learners(table, asked)
        chosen = _chosen(found, asked.candidates(table.reader.targets))
        trials = trials_of({name: trial.scores for name, trial in found.items()}, chosen)
        messages = (*table.messages, *_not_judged(found, asked.candidates(table.reader.targets)))
        phase(f"training {chosen}")
        if chosen == "mixed":
            model = fit_task_table(
                frame, asked.columns, _mixed_settings(asked), asked.task_column, stacklevel=stacklevel + 1
            )
            if model.results is not None:
                model.results = replace(model.results, trials=trials)
            return model
        model = trained_network(
            replace(table, messages=messages), chosen, found[chosen], asked, trials=trials, start=start
        )
    results = model.results
    if results is not None:
        warn_all(results.messages, stacklevel=stacklevel)
        if results.warning is not None:
            warnings.warn(results.warning, ResultWarning, stacklevel=stacklevel)
    return model


def _fitted_mixed(frame: pd.DataFrame, asked: TaskLearning, why: str, *, stacklevel: int) -> TaskTableModel:
    """Fit what networks cannot answer; there is nothing to choose between."""
    phase("training mixed")
    settings = _mixed_settings(asked)
    model = fit_task_table(frame, asked.columns, settings, asked.task_column, stacklevel=stacklevel + 1)
    if asked.learner == "auto":
        message = asked.mixed_text(why)
        warnings.warn(message, DataWarning, stacklevel=stacklevel)
        if model.results is not None:
            model.results = replace(model.results, messages=(*model.results.messages, message))
    return model


def tried_learners(table: TaskLearnerTable, asked: TaskLearning) -> dict[str, Trial]:
    """Try the baseline and the learners on folds of the tasks; without those that cannot answer.

    Args:
        table: The table.
        asked: Which learners, and how.
    """
    folds = deal_tasks(table, seed=asked.seed)
    found = {}
    for name in (_BASELINE, *asked.candidates(table.reader.targets)):
        phase(f"trying {name}")
        trial = tried(_candidate(name, asked), table, folds, seed=derive_seed(asked.seed, "trials"))
        if trial is not None:
            found[name] = trial
    return found


def _chosen(found: dict[str, Trial], candidates: Sequence[str]) -> str:
    """Return the learner that was named, or the one that held-out tasks choose."""
    names: Sequence[str] = [name for name in candidates if name in found]
    if len(candidates) == 1 or not names:
        return candidates[0]
    return chosen_learner({name: found[name].scores for name in names}, names)


def _not_judged(found: dict[str, Trial], candidates: Sequence[str]) -> tuple[str, ...]:
    """Tell which learners were left out of the choice."""
    lacking = [name for name in candidates if name not in found]
    if not lacking:
        return ()
    return (
        f"{', '.join(lacking)} could not be chosen: where tasks do not differ linearly, or are too few, it "
        "tells no density.",
    )


def _candidate(name: str, asked: TaskLearning) -> TaskCandidate:
    if name == _BASELINE:
        return Levels()
    if name == "mixed":
        return Mixed(_mixed_settings(asked), asked.task_column)
    return Network(
        name,
        steps=asked.steps,
        width=asked.width,
        n_layers=3,
        learning_rate=asked.learning_rate,
        episodes=asked.episodes,
    )


def _mixed_settings(asked: TaskLearning) -> FitSettings:
    return FitSettings.checked({"baselines": False, "seed": asked.seed, "progress": asked.progress})


def trained_network(
    table: TaskLearnerTable,
    name: str,
    trial: Trial,
    asked: TaskLearning,
    *,
    trials: tuple[TaskLearnerTrial, ...] = (),
    start: float | None = None,
) -> InContextModel:
    """Train a network on all tasks of a table, as many steps as the folds found best.

    Args:
        table: The table.
        name: One of `IN_CONTEXT_LEARNERS`.
        trial: What the folds found.
        asked: How.
        trials: The figures of all that were tried.
        start: When everything began, by `time.perf_counter`; None for now.
    """
    start = time.perf_counter() if start is None else start
    network = _candidate(name, asked)
    assert isinstance(network, Network)  # noqa: S101 - there are no others
    seed = derive_seed(asked.seed, "network")
    learner = network.trained(table, trial.steps, seed=seed, progress=asked.progress)
    known, n_shortened = table.known.limited(of_classes=table.reader.of_classes)
    messages = table.messages
    if n_shortened:
        messages = (*messages, most_rows_text(n_shortened))
    results = InContextResults(
        target=", ".join(table.reader.names),
        n_tasks=len(table.names.names),
        n_rows=len(table.known),
        n_parameters=sum(parameter.numel() for parameter in learner.parameters()),
        trials=trials,
        steps=trial.steps,
        seconds=time.perf_counter() - start,
        messages=messages,
    )
    return InContextModel(
        learner,
        config=network.config(table, len(table.known)),
        reader=table.reader,
        names=table.names,
        known=known,
        spreads=() if table.reader.of_classes else trial.spreads,
        data={"fingerprint": fingerprint(table.frame), "seed": asked.seed},
        results=results,
    )
