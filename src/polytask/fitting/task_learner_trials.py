"""Learners of many small tasks, each tried on tasks that it did not see."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from polytask.core import EpisodicLearner, derive_seed
from polytask.core.random import numpy_generator
from polytask.fitting.in_context_training import network_config, trained_on_tasks
from polytask.fitting.judged_rows import judged_classes, judged_rows
from polytask.fitting.new_task_scores import (
    RowPredictions,
    Scores,
    cuts_of,
    error_names,
    judged,
)
from polytask.fitting.task_candidate import Cuts, NotJudged, TaskCandidate
from polytask.fitting.task_learner_table import FoldOfTasks, TaskLearnerTable
from polytask.fitting.task_levels import TaskLevels
from polytask.models.in_context_config import InContextConfig
from polytask.models.in_context_model import InContextModel
from polytask.models.task_spread import TaskSpread

__all__ = ["Levels", "Network", "Trial", "crossed", "tried"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What the folds say of a learner.

    Args:
        scores: Its figures on held-out tasks.
        steps: Training steps that were best, on average over the folds; 0 where there are none.
        spreads: How far off its answers for each target were, as levels of intervals; None where none is
            told.
    """

    scores: Scores
    steps: int
    spreads: tuple[TaskSpread | None, ...]


def tried(
    candidate: TaskCandidate, table: TaskLearnerTable, folds: list[FoldOfTasks], *, seed: int
) -> Trial | None:
    """Try a learner on all folds; None where it cannot answer with so few tasks.

    Args:
        candidate: The learner.
        table: The table.
        folds: Of its tasks.
        seed: Decides rows, weights and steps.
    """
    start = time.perf_counter()
    scores: Scores | None = None
    steps: list[int] = []
    away: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {}
    targets, own = table.reader.targets, table.own
    for index, fold in enumerate(folds):
        task = table.known.task.numpy()[fold.held_out]
        own_of_fold = None if own is None else own[fold.held_out]
        cuts = {
            n: (fold.held_out[known], fold.held_out[asked])
            for n, (known, asked) in cuts_of(task, seed=derive_seed(seed, "cuts"), own=own_of_fold).items()
        }
        try:
            found, n_steps = candidate.predictions(table, fold, cuts, seed=derive_seed(seed, "fold", index))
        except NotJudged:
            return None
        names, _ = np.unique(task, return_inverse=True)
        of_asked = {
            n: np.searchsorted(names, table.known.task.numpy()[asked]) for n, (_, asked) in cuts.items()
        }
        ours = judged(found, of_asked, len(names), error_names(targets))
        scores = ours if scores is None else scores.joined(ours)
        steps.append(n_steps)
        for n, answers in found.items():
            if len(answers.level):
                away.setdefault(float(n), []).append((answers.level, index * 10**9 + of_asked[n]))
    assert scores is not None  # noqa: S101 - there are folds
    return Trial(
        scores=replace(scores, seconds=time.perf_counter() - start),
        steps=round(float(np.mean(steps))),
        spreads=tuple(_spread(away, target) for target in range(len(targets))),
    )


def _spread(away: Mapping[float, list[tuple[np.ndarray, np.ndarray]]], target: int) -> TaskSpread | None:
    joined = {}
    for n, parts in away.items():
        levels, tasks = (np.concatenate(part) for part in zip(*parts, strict=True))
        there = ~np.isnan(levels[:, target])
        if there.any():
            joined[n] = (levels[there, target], np.unique(tasks[there], return_inverse=True)[1])
    return TaskSpread.of(joined) if joined else None


def crossed(
    checks: Sequence[tuple[Mapping[int, RowPredictions], np.ndarray]],
    task_of: Mapping[int, np.ndarray],
    *,
    seed: int,
) -> dict[int, RowPredictions]:
    """Take the answers for each half of the tasks at the step that is best for the other half.

    So no task has a say in the step at which it is judged, as the others have none that train no steps.

    Args:
        checks: What was answered at each step that was looked at, by number of known rows, and the figure of
            each task there, the higher the better.
        task_of: The task of each answered row, by number of known rows.
        seed: Decides the halves.
    """
    figures = np.stack([by_task for _, by_task in checks])  # [check, task]
    n_tasks = figures.shape[1]
    first = numpy_generator(seed, "first half").permutation(n_tasks) < n_tasks // 2
    halves = [first, ~first] if n_tasks > 1 else [~first, ~first]
    best = [int(np.nan_to_num(figures[:, half], nan=-np.inf).mean(1).argmax()) for half in halves]
    of_task = np.where(first, best[1], best[0])  # [task], by the others
    found = {}
    for n, task in task_of.items():
        taken = of_task[task]
        rows = np.arange(len(task))
        values = {
            name: np.stack([getattr(answers[n], name) for answers, _ in checks])[taken, rows]
            for name in ("error", "log_density", "level")
        }
        found[n] = RowPredictions(**values)
    return found


class Levels(TaskCandidate):
    """Tasks that differ by their levels alone: the baseline."""

    def predictions(
        self, table: TaskLearnerTable, fold: FoldOfTasks, cuts: Cuts, *, seed: int
    ) -> tuple[dict[int, RowPredictions], int]:
        """See `TaskCandidate.predictions`."""
        reader = table.reader
        train = table.known.only(torch.from_numpy(fold.train))
        levels = TaskLevels.of(reader.targets, train, own=reader.own_classes)
        found = {}
        for n, (known, asked) in cuts.items():
            seen, rows = (table.known.only(torch.from_numpy(some)) for some in (known, asked))
            numbers = None if reader.of_classes else table.numbers(asked)
            answers = levels.predictions(seen, rows, numbers)
            if reader.of_classes:  # judged as all candidates are
                answers = judged_classes(answers.log_density, answers.error[:, 0])
            found[n] = answers
        return found, 0


class Network(TaskCandidate):
    """A network that reads the known rows of a task.

    Args:
        learner: Its name in `IN_CONTEXT_LEARNERS`.
        steps: Training steps.
        width: Of its layers.
        n_layers: How many.
        learning_rate: The highest one.
        episodes: Of a step.
    """

    def __init__(
        self,
        learner: str,
        *,
        steps: int,
        width: int,
        n_layers: int,
        learning_rate: float,
        episodes: int,
    ) -> None:
        self.learner = learner
        self.steps = steps
        self.width, self.n_layers = width, n_layers
        self.learning_rate = learning_rate
        self.episodes = episodes

    def config(self, table: TaskLearnerTable, n_labels: int) -> InContextConfig:
        """Return how it is built for so many labels."""
        return network_config(
            self.learner,
            table.reader.encoder.n_features,
            n_labels,
            width=self.width,
            n_layers=self.n_layers,
            n_outputs=len(table.reader.targets),
            n_classes=table.n_classes,
            own_classes=table.reader.own_classes,
        )

    def predictions(
        self, table: TaskLearnerTable, fold: FoldOfTasks, cuts: Cuts, *, seed: int
    ) -> tuple[dict[int, RowPredictions], int]:
        """See `TaskCandidate.predictions`; the step at which a task is judged is the best one for others."""
        config = self.config(table, len(fold.train))
        task = table.known.task.numpy()
        names = np.unique(task[fold.held_out])
        of_asked = {n: np.searchsorted(names, task[asked]) for n, (_, asked) in cuts.items()}

        checks: list[tuple[dict[int, RowPredictions], np.ndarray]] = []

        def judge(learner: EpisodicLearner) -> float:
            found = {n: self._answered(learner, config, table, cut) for n, cut in cuts.items()}
            by_task = judged(found, of_asked, len(names), error_names(table.reader.targets)).by_task
            checks.append((found, by_task))
            return float(by_task.mean())

        _, n_steps = trained_on_tasks(
            config,
            table.known.only(torch.from_numpy(fold.train)),
            n_steps=self.steps,
            learning_rate=self.learning_rate,
            n_episodes=self.episodes,
            seed=seed,
            judge=judge,
        )
        return crossed(checks, of_asked, seed=derive_seed(seed, "halves")), n_steps

    def trained(self, table: TaskLearnerTable, n_steps: int, *, seed: int, progress: bool) -> EpisodicLearner:
        """Train on all tasks, as many steps as the folds found best."""
        learner, _ = trained_on_tasks(
            self.config(table, len(table.known)),
            table.known,
            n_steps=n_steps,
            n_planned=self.steps,
            learning_rate=self.learning_rate,
            n_episodes=self.episodes,
            seed=seed,
            progress=progress,
        )
        return learner

    def _answered(
        self,
        learner: EpisodicLearner,
        config: InContextConfig,
        table: TaskLearnerTable,
        cut: tuple[np.ndarray, np.ndarray],
    ) -> RowPredictions:
        known, asked = (torch.from_numpy(rows) for rows in cut)
        model = InContextModel(
            learner,
            config=config,
            reader=table.reader,
            names=table.names,
            known=table.known.only(known),
            spreads=(),
            data={},
        )
        numbers = None if table.reader.of_classes else table.numbers(cut[1])
        return judged_rows(model, table.known.only(asked), numbers)
