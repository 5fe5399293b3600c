"""Learn from a table with many small tasks how to predict a number of new ones."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from polytask.core import DataWarning, InputError, ResultWarning, derive_seed
from polytask.core.errors import other_remedy
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.new_task_scores import chosen_learner, trials_of
from polytask.fitting.table_columns import Columns
from polytask.fitting.task_learner_table import TaskLearnerTable, deal_tasks, holds_classes, read_task_table
from polytask.fitting.task_learner_trials import Levels, Mixed, Network, TaskCandidate, Trial, tried
from polytask.fitting.task_table_fit import fit_task_table
from polytask.models.in_context_config import IN_CONTEXT_LEARNERS
from polytask.models.in_context_model import InContextModel
from polytask.models.in_context_reading import most_rows_text
from polytask.models.in_context_results import InContextResults, TaskLearnerTrial
from polytask.models.task_table_model import TaskTableModel
from polytask.train.progress import phase, run_line

__all__ = [
    "TASK_LEARNERS",
    "TRIED",
    "TaskLearning",
    "learn_tasks",
    "task_learning",
    "trained_network",
    "tried_learners",
]

TASK_LEARNERS = ("auto", "mixed", *IN_CONTEXT_LEARNERS)
TRIED = ("mixed", "cnp", "tnp", "pfn")
"""By ``"auto"``; the first that is not clearly behind the best is taken."""
_BASELINE = "levels"
_OF_NETWORKS: Mapping[str, Any] = {"steps": 400, "width": 64, "learning_rate": 1e-3, "episodes": 16}
"""What each setting of networks is, where it is left open."""
MIXED_ALONE = (
    "Several targets, and classes, are learned by 'mixed' alone, as networks of rows answer one column of "
    "numbers: nothing was tried."
)
_REMEDY = "Lower `learning_rate`, or choose another `learner`."


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLearning:
    """How tasks of a table are learned, as it was asked for.

    Args:
        columns: The roles of the columns, but for the task column; several targets for ``"mixed"`` alone.
        task_column: Tells the task of a row.
        learner: One of `TASK_LEARNERS`.
        steps: Training steps of a network; ``"mixed"`` has none, and none of the next three.
        width: Of its layers.
        learning_rate: Of AdamW.
        episodes: Of a step.
        seed: Decides everything random.
        progress: Show a line with phase and time left.
        typed: Which settings of networks were given.
    """

    columns: Columns
    task_column: str
    learner: str
    steps: int
    width: int
    learning_rate: float
    episodes: int
    seed: int
    progress: bool
    typed: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """The learners that are tried."""
        return TRIED if self.learner == "auto" else (self.learner,)

    def needs_mixed(self, frame: pd.DataFrame) -> bool:
        """Tell whether networks could not answer what is asked: several targets, or classes.

        Raises:
            InputError: Settings of networks were given.
        """
        if self.learner not in ("auto", "mixed"):
            return False
        if len(self.columns.targets) == 1 and not holds_classes(frame, self.columns):
            return False
        if self.typed:
            raise InputError(
                f"{', '.join(f'`{name}`' for name in self.typed)}: the networks that use "
                f"{'it' if len(self.typed) == 1 else 'them'} answer one column of numbers, but several or "
                "classes are asked for, which 'mixed' learns without. Leave "
                f"{'it' if len(self.typed) == 1 else 'them'} out."
            )
        return True


def task_learning(
    *,
    task_column: Any,
    target: Any,
    learner: str = "auto",
    drop: Any = (),
    steps: int | None = None,
    width: int | None = None,
    learning_rate: float | None = None,
    episodes: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> TaskLearning:
    """Check how tasks of a table shall be learned.

    Raises:
        InputError: Whatever is wrong, in one message; also a setting that the learner does not use.
    """
    check = SettingsCheck()
    learner = check.choice("learner", learner, TASK_LEARNERS)
    given = {"steps": steps, "width": width, "learning_rate": learning_rate, "episodes": episodes}
    typed = tuple(name for name, value in given.items() if value is not None)
    if learner == "mixed":
        for name in typed:
            check.unused(name, "learner", "mixed", ["cnp"], that="is a network of rows")
    of_networks = {name: _OF_NETWORKS[name] if value is None else value for name, value in given.items()}
    steps = check.whole("steps", of_networks["steps"], least=1)
    width = check.whole("width", of_networks["width"], least=4)
    if not check.problems and width % 4:
        check.problems.append(f"`width` must be a multiple of 4, for four heads; got {width}")
    learning_rate = check.number("learning_rate", of_networks["learning_rate"], above=0)
    episodes = check.whole("episodes", of_networks["episodes"], least=1)
    seed = check.whole("seed", seed, least=0)
    shown = check.shown("progress", progress)
    if target is None:
        check.problems.append("`target` is missing; name the column of numbers to predict")
    check.done()
    columns = Columns.of(target, drop=drop)
    if len(columns.targets) > 1 and learner in IN_CONTEXT_LEARNERS:
        check.problems.append(
            f"`target` is one column of numbers for the `learner` {learner!r}, got {len(columns.targets)}; "
            "choose 'mixed', which learns several together, or learn a model for each"
        )
    check.done()
    return TaskLearning(
        columns=columns,
        task_column=str(task_column),
        learner=learner,
        steps=steps,
        width=width,
        learning_rate=learning_rate,
        episodes=episodes,
        seed=seed,
        progress=shown,
        typed=typed,
    )


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
    with run_line("learn", shown=asked.progress), other_remedy(_REMEDY):
        phase("reading")
        frame = read_table(source)
        if asked.needs_mixed(frame):
            return _fitted_mixed(frame, asked, stacklevel=stacklevel + 1)
        table = read_task_table(frame, asked.columns, asked.task_column)
        found = tried_learners(table, asked)
        chosen = _chosen(found, asked)
        trials = trials_of({name: trial.scores for name, trial in found.items()}, chosen)
        messages = (*table.messages, *_not_judged(found, asked))
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
        for message in results.messages:
            warnings.warn(message, DataWarning, stacklevel=stacklevel)
        if results.warning is not None:
            warnings.warn(results.warning, ResultWarning, stacklevel=stacklevel)
    return model


def _fitted_mixed(frame: pd.DataFrame, asked: TaskLearning, *, stacklevel: int) -> TaskTableModel:
    """Fit what networks cannot answer; there is nothing to choose between."""
    phase("training mixed")
    settings = _mixed_settings(asked)
    model = fit_task_table(frame, asked.columns, settings, asked.task_column, stacklevel=stacklevel + 1)
    if asked.learner == "auto":
        warnings.warn(MIXED_ALONE, DataWarning, stacklevel=stacklevel)
        if model.results is not None:
            model.results = replace(model.results, messages=(*model.results.messages, MIXED_ALONE))
    return model


def tried_learners(table: TaskLearnerTable, asked: TaskLearning) -> dict[str, Trial]:
    """Try the baseline and the learners on folds of the tasks; without those that cannot answer.

    Args:
        table: The table.
        asked: Which learners, and how.
    """
    folds = deal_tasks(table, seed=asked.seed)
    found = {}
    for name in (_BASELINE, *asked.candidates):
        phase(f"trying {name}")
        trial = tried(_candidate(name, asked), table, folds, seed=derive_seed(asked.seed, "trials"))
        if trial is not None:
            found[name] = trial
    return found


def _chosen(found: dict[str, Trial], asked: TaskLearning) -> str:
    """Return the learner that was named, or the one that held-out tasks choose."""
    names: Sequence[str] = [name for name in asked.candidates if name in found]
    if len(asked.candidates) == 1 or not names:
        return asked.candidates[0]
    return chosen_learner({name: found[name].scores for name in names}, names)


def _not_judged(found: dict[str, Trial], asked: TaskLearning) -> tuple[str, ...]:
    """Tell which learners were left out of the choice."""
    lacking = [name for name in asked.candidates if name not in found]
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
    known, n_shortened = table.known.limited()
    messages = table.messages
    if n_shortened:
        messages = (*messages, most_rows_text(n_shortened))
    results = InContextResults(
        target=table.reader.target.task.name,
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
        spread=trial.spread,
        data={"fingerprint": fingerprint(table.frame), "seed": asked.seed},
        results=results,
    )
