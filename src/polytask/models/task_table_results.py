"""What a fit with tasks found: the model, the pooled one and each task's own, by number of known rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from polytask.core import Interval
from polytask.models.in_context_results import TaskLearnerTrial
from polytask.models.table_results import verdict_of

__all__ = ["DrawnTask", "DrawnTasks", "NewTasks", "TargetTaskResult", "TaskTableResults"]

_MOST_DRAWN = 100  # tasks that are stored by name


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTasks:
    """Figures on tasks of which only some rows were known, each task counting as much.

    Args:
        rows: How many rows were known; ``"4/5"`` for four fifths of a task's rows.
        n_tasks: Tasks that were judged.
        joint: The error of the model: the root of a task's mean squared error, in units of the column, or its
            mean negative log-probability of the class.
        pooled: That of the pooled prediction.
        own: That of a linear model of the task's known rows alone.
        gain_on_pooled: How much lower the model's error is than the pooled one, paired by task.
        gain_on_own: How much lower it is than the task's own.
        p_value: Of no gain on the better of the two, adjusted for all targets and numbers of known rows of
            the fit (Holm); None where it is not known.
    """

    rows: int | str
    n_tasks: int
    joint: Interval
    pooled: Interval
    own: Interval
    gain_on_pooled: Interval
    gain_on_own: Interval
    p_value: float | None = None

    @property
    def gain(self) -> Interval:
        """How much lower the model's error is than that of the better of pooled and own."""
        return self.gain_on_pooled if self.pooled.mean <= self.own.mean else self.gain_on_own

    @property
    def verdict(self) -> str:
        """``helped``, ``hurt``, ``no clear difference`` or ``unknown``, by the gain and its p-value."""
        return verdict_of(self.gain, self.p_value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTaskResult:
    """The figures of one target.

    Args:
        target: Its name.
        kind: Its kind.
        metric: ``"rmse"`` (of the logarithm: ``"log_rmse"``) or ``"cross_entropy"``, of a task.
        effects: By what tasks differ, as new tasks chose it; ``"none"`` for the pooled model.
        new_tasks: By number of known rows.
    """

    target: str
    kind: str
    metric: str
    effects: str
    new_tasks: tuple[NewTasks, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTask:
    """A task whose rows were drawn for batches.

    Args:
        task: Its name.
        rows: Its labelled rows.
        times: How often one of them was drawn.
    """

    task: str
    rows: int
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTasks:
    """How often the tasks were drawn in training, by all networks together.

    Args:
        law: By which law.
        n_tasks: How many there are.
        rows: Labelled rows of all of them.
        times: How many rows were drawn.
        tasks: Those with most rows first; of more than a hundred the fifty with most and the fifty with
            fewest rows.
    """

    law: str
    n_tasks: int
    rows: int
    times: int
    tasks: tuple[DrawnTask, ...]

    @classmethod
    def of(cls, law: str, tasks: Sequence[DrawnTask]) -> Self:
        """Sum up what was drawn."""
        ordered = sorted(tasks, key=lambda one: -one.rows)
        half = _MOST_DRAWN // 2
        return cls(
            law=law,
            n_tasks=len(ordered),
            rows=sum(one.rows for one in ordered),
            times=sum(one.times for one in ordered),
            tasks=tuple(ordered if len(ordered) <= _MOST_DRAWN else ordered[:half] + ordered[-half:]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "law": self.law,
            "n_tasks": self.n_tasks,
            "rows": self.rows,
            "times": self.times,
            "tasks": [{"task": one.task, "rows": one.rows, "times": one.times} for one in self.tasks],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            KeyError: Something is missing; other errors where it is something else.
        """
        return cls(
            law=str(data["law"]),
            n_tasks=int(data["n_tasks"]),
            rows=int(data["rows"]),
            times=int(data["times"]),
            tasks=tuple(
                DrawnTask(task=str(one["task"]), rows=int(one["rows"]), times=int(one["times"]))
                for one in data["tasks"]
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTableResults:
    """What held-out tasks say: their networks and, but for the rows that were known, their priors never saw
    them.

    Args:
        targets: The targets.
        n_tasks: Tasks with a label.
        rows: How many rows the table has, and how many the pooled model was trained on.
        n_parameters: Of the pooled model.
        pooled: Its own figures on held-out tasks, as `FitResults` writes them.
        seconds: Wall time of everything.
        messages: What was noteworthy about the data.
        trials: Of learners that were tried on held-out tasks, where it was chosen among them.
        drawn: How often tasks were drawn; None where every row was trained on once an epoch.
    """

    targets: tuple[TargetTaskResult, ...]
    n_tasks: int
    rows: Mapping[str, int]
    n_parameters: int
    pooled: Mapping[str, Any]
    seconds: float
    messages: tuple[str, ...]
    trials: tuple[TaskLearnerTrial, ...] = ()
    drawn: DrawnTasks | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each target and number of known rows: errors, gains with half widths, verdict."""
        rows = []
        for found in self.targets:
            for one in found.new_tasks:
                rows.append(
                    {
                        "target": found.target,
                        "known_rows": str(one.rows),
                        "metric": found.metric,
                        "tasks": one.n_tasks,
                        "joint": one.joint.mean,
                        "pooled": one.pooled.mean,
                        "own": one.own.mean,
                        "gain_on_pooled": one.gain_on_pooled.mean,
                        "gain_on_pooled_half_width": one.gain_on_pooled.half_width,
                        "gain_on_own": one.gain_on_own.mean,
                        "gain_on_own_half_width": one.gain_on_own.half_width,
                        "p_value": math.nan if one.p_value is None else one.p_value,
                        "verdict": one.verdict,
                    }
                )
        names = ["target", "known_rows"]
        return pd.DataFrame(rows).set_index(names) if rows else pd.DataFrame(columns=names)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; unknown figures are null."""
        return {
            "targets": [
                {
                    "target": found.target,
                    "kind": found.kind,
                    "metric": found.metric,
                    "effects": found.effects,
                    "new_tasks": [
                        {
                            "known_rows": one.rows,
                            "tasks": one.n_tasks,
                            **{
                                name: getattr(one, name).to_json()
                                for name in ("joint", "pooled", "own", "gain_on_pooled", "gain_on_own")
                            },
                            "p_value": one.p_value,
                            "verdict": one.verdict,
                        }
                        for one in found.new_tasks
                    ],
                }
                for found in self.targets
            ],
            "n_tasks": self.n_tasks,
            "rows": dict(self.rows),
            "n_parameters": self.n_parameters,
            "pooled": dict(self.pooled),
            "seconds": self.seconds if math.isfinite(self.seconds) else None,
            "messages": list(self.messages),
            **({"trials": [trial.to_json() for trial in self.trials]} if self.trials else {}),
            **({} if self.drawn is None else {"drawn": self.drawn.to_json()}),
        }
