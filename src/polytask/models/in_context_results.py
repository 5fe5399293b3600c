"""What held-out tasks say of learners that predict numbers or classes of new tasks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from polytask.core import Interval

__all__ = ["InContextResults", "NewTaskScores", "TaskLearnerTrial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTaskScores:
    """Figures on held-out tasks, each counting as much.

    Args:
        n_rows: How many rows of a task were known.
        log_density: The mean log density of the labels of a task's other rows, in nats, in units of the
            column; of several targets of all together, of classes the log probability.
        errors: ``"rmse"``, the root of a task's mean squared error, in units of the column; of several
            targets ``"rmse:TARGET"`` for each; of classes ``"error_rate"``, the share that is wrong.
    """

    n_rows: int
    log_density: Interval
    errors: Mapping[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLearnerTrial:
    """A learner, judged by cross-validation over tasks.

    Args:
        learner: Its name; ``"levels"`` for the baseline, in which tasks differ by their levels alone.
        scores: By how many rows were known.
        log_density: The mean over these, paired by task in the choice.
        behind: How much lower it is than that of the best one; of 0 tasks for that itself.
        seconds: Wall time.
        chosen: Whether the model is made by it.
    """

    learner: str
    scores: tuple[NewTaskScores, ...]
    log_density: Interval
    behind: Interval
    seconds: float
    chosen: bool

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "learner": self.learner,
            "new_tasks": [
                {
                    "known_rows": one.n_rows,
                    "log_density": one.log_density.to_json(),
                    **{name: error.to_json() for name, error in one.errors.items()},
                }
                for one in self.scores
            ],
            "log_density": self.log_density.to_json(),
            "behind": self.behind.to_json(),
            "seconds": self.seconds,
            "chosen": self.chosen,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InContextResults:
    """Which learner was taken, and what all that were tried are worth on tasks that they did not see.

    Args:
        target: The column that is predicted; several joined by commas.
        n_tasks: Tasks with a label.
        n_rows: Labelled rows.
        n_parameters: Of the network.
        trials: In the order in which they were tried.
        steps: Training steps of the network.
        seconds: Wall time of everything.
        messages: What was noteworthy about the data.
    """

    target: str
    n_tasks: int
    n_rows: int
    n_parameters: int
    trials: tuple[TaskLearnerTrial, ...]
    steps: int
    seconds: float
    messages: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """What to say where the chosen learner is not clearly better than task levels alone."""
        by_name = {trial.learner: trial for trial in self.trials}
        chosen = next((trial for trial in self.trials if trial.chosen), None)
        levels = by_name.get("levels")
        if chosen is None or levels is None or not math.isfinite(chosen.behind.mean):
            return None
        if chosen.log_density.mean > levels.log_density.mean:
            return None
        of_classes = any("error_rate" in one.errors for one in chosen.scores)
        simplest = "the shares of the classes" if of_classes else "a level for each task, without any feature"
        return (
            f"On held-out tasks {chosen.learner} does no better than {simplest}: a log "
            f"{'probability' if of_classes else 'density'} of {chosen.log_density.mean:.3g} against "
            f"{levels.log_density.mean:.3g}. The features may not help, or there may be too few tasks."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each learner and number of known rows: log density and error, with half widths."""
        rows = [
            {
                "learner": trial.learner,
                "known_rows": one.n_rows,
                "tasks": one.log_density.n,
                "log_density": one.log_density.mean,
                "log_density_half_width": one.log_density.half_width,
                **{
                    key: value
                    for name, error in one.errors.items()
                    for key, value in ((name, error.mean), (f"{name}_half_width", error.half_width))
                },
                "chosen": trial.chosen,
            }
            for trial in self.trials
            for one in trial.scores
        ]
        names = ["learner", "known_rows"]
        return pd.DataFrame(rows).set_index(names) if rows else pd.DataFrame(columns=names)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; unknown figures are null."""
        return {
            "target": self.target,
            "n_tasks": self.n_tasks,
            "n_rows": self.n_rows,
            "n_parameters": self.n_parameters,
            "trials": [trial.to_json() for trial in self.trials],
            "steps": self.steps,
            "seconds": self.seconds,
            "messages": list(self.messages),
        }
