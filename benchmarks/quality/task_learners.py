"""Learners of small tasks on schools, chicks and patients: what they say of new ones by 1, 5 and 20 rows.

    POLYTASK_DATA=folder python benchmarks/quality/task_learners.py --set chicks patients schools

Whole tasks are dealt into three parts. Each in turn is new: what `polytask.learn(TABLE, task_column=,
learner=)` makes of the other two (three folds of known tasks choose the number of steps; then all known tasks
train) reads 1, 5 or 20 random rows of each new task, and up to 20 others judge, by log density and root mean
squared error. ``auto`` is the learner that the folds of known tasks choose, as ``learner="auto"`` does it;
new tasks have no say in anything. Rivals: ``levels``, a level for each task; ``pooled``, one ridge regression
of all known tasks; ``own``, a ridge regression of the new rows alone, shrunk to the mean of all, whose
penalties are those that are best for so many rows of known tasks. Figures are means over all tasks with 95 %
intervals; trainings are short (100 steps), and there are 60 tasks of 40 rows at most. Writes
``results/task-learners.json``, set by set.
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from task_parts import Figures, by_parts, learned, measure_sets  # beside this file

from polytask.core.random import numpy_generator
from polytask.datasets import chick_weights, parkinsons, school
from polytask.estimators.task_learning import TRIED, task_learning
from polytask.fitting.level_prior import LevelPrior
from polytask.fitting.new_task_scores import chosen_learner
from polytask.fitting.task_learner_table import TaskLearnerTable, read_task_table
from polytask.models import InContextModel, TaskTableModel

RESULTS = Path(__file__).parent / "results" / "task-learners.json"
LEARNERS = ("mixed", "cnp", "np", "anp", "tnp", "pfn")
N_ROWS = (1, 5, 20)
STEPS, MOST_TASKS, MOST_ROWS, MOST_ASKED, N_PARTS, SEED = 100, 60, 40, 20, 3, 20
PENALTIES = (1e4, 100.0, 10.0, 1.0, 0.1)
LEVELS = (0.1, 1.0, 10.0)  # penalties of the level


def load(name: str) -> pd.DataFrame:
    """Return a table with columns ``y``, ``task`` and the features, of at most 60 tasks of 40 rows."""
    if name == "chicks":
        table = chick_weights().rename(columns={"weight": "y", "chick": "task"})
    elif name == "schools":
        pupils = school()
        table = pd.DataFrame(pupils.features.numpy(), columns=list(pupils.feature_names))
        table = table.assign(y=pupils.scores.numpy(), task=pupils.schools.numpy())
    else:
        voices = parkinsons()
        table = pd.DataFrame(voices.features.numpy(), columns=list(voices.feature_names))
        table = table.assign(y=voices.scores.numpy()[:, 0], task=voices.patients.numpy())
    table = table.assign(task="t" + table["task"].astype(str))
    tasks = np.sort(table["task"].unique())
    if len(tasks) > MOST_TASKS:
        drawn = numpy_generator(SEED, "tasks").choice(tasks, MOST_TASKS, replace=False)
        table = table[table["task"].isin(drawn)]
    order = numpy_generator(SEED, "rows").permutation(len(table))
    return table.iloc[order].groupby("task").head(MOST_ROWS).reset_index(drop=True)


def cuts(table: pd.DataFrame, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the known and the asked rows of each task; tasks without any to ask are left out."""
    groups = [rows for _, rows in table.groupby("task", sort=True) if len(rows) > n]
    return pd.concat([rows.head(n) for rows in groups]), pd.concat(
        [rows.iloc[n : n + MOST_ASKED] for rows in groups]
    )


def by_task(asked: pd.DataFrame, mean: np.ndarray, density: np.ndarray) -> list[tuple[float, float]]:
    """Return log density and root mean squared error of each task."""
    rows = pd.DataFrame({"task": asked["task"], "density": density, "square": (mean - asked["y"]) ** 2})
    found = rows.groupby("task", sort=True).mean()
    return list(zip(found["density"], np.sqrt(found["square"]), strict=True))


def answered(model: InContextModel | TaskTableModel, new: pd.DataFrame, n: int) -> list[tuple[float, float]]:
    """Let a model read ``n`` rows of each new task, and judge it."""
    known, asked = cuts(new, n)
    answers = model.adapt(known).predict(asked, log_density=True)
    return by_task(asked, answers["y"].to_numpy(), answers["y:log_density"].to_numpy())


class Ridges:
    """The pooled and the own linear models, by features as the networks have them.

    Args:
        table: Known tasks.
        numbers: How many rows of a new one are known.
    """

    def __init__(self, table: TaskLearnerTable, numbers: list[int]) -> None:
        self.table = table
        self.x, self.y = self._design(table.frame), self._labels(table.frame)
        tasks = table.frame["task"].to_numpy()
        held_out = np.isin(tasks, np.unique(tasks)[::3])
        pooled = {
            one: self._error(self.x[held_out] @ self._fit(self.x[~held_out], self.y[~held_out], one, 0.0),
                             self.y[held_out])
            for one in PENALTIES
        }  # fmt: skip
        self.penalty = min(pooled, key=lambda one: pooled[one])
        self.noise = pooled[self.penalty]
        self.pooled = self._fit(self.x, self.y, self.penalty, 0.0)
        self.levels = LevelPrior.of(self.y, table.known.task.numpy())
        self.own = {n: self._chosen(n) for n in numbers}

    def figures(self, new: pd.DataFrame, n: int) -> dict[str, list[tuple[float, float]]]:
        """Judge all three on new tasks."""
        known, asked = cuts(new, n)
        x, mean = self._design(asked), {}
        mean["pooled"] = (x @ self.pooled, np.full(len(asked), self.noise))
        penalties, noise = self.own[n]
        mean["own"] = (self._alone(known, asked, penalties), np.full(len(asked), noise))
        numbers = {name: index for index, name in enumerate(sorted(asked["task"].unique()))}
        codes = [frame["task"].map(numbers).to_numpy() for frame in (known, asked)]
        mean["levels"] = self.levels.predictions(self._labels(known), *codes)
        return {name: self._judged(asked, *answers) for name, answers in mean.items()}

    def _chosen(self, n: int) -> tuple[tuple[float, float], float]:
        """Choose the penalties of own models of so many rows by known tasks."""
        known, asked = cuts(self.table.frame, n)
        labels = self._labels(asked)
        tried = {
            (slope, level): self._error(self._alone(known, asked, (slope, level)), labels)
            for slope in PENALTIES
            for level in LEVELS
        }
        best = min(tried, key=lambda one: tried[one])
        return best, tried[best]

    def _alone(self, known: pd.DataFrame, asked: pd.DataFrame, penalties: tuple[float, float]) -> np.ndarray:
        x, y, at = self._design(known), self._labels(known), self._design(asked)
        answers, tasks = np.zeros(len(asked)), known["task"].to_numpy()
        for task in np.unique(tasks):
            rows = tasks == task
            there = (asked["task"] == task).to_numpy()
            answers[there] = at[there] @ self._fit(x[rows], y[rows], *penalties)
        return answers

    @staticmethod
    def _fit(x: np.ndarray, y: np.ndarray, slope: float, level: float) -> np.ndarray:
        strength = np.full(x.shape[1], slope)
        strength[0] = level + 1e-9
        return np.linalg.solve(x.T @ x + np.diag(strength), x.T @ y)

    @staticmethod
    def _error(found: np.ndarray, labels: np.ndarray) -> float:
        return float(np.square(found - labels).mean())

    def _design(self, frame: pd.DataFrame) -> np.ndarray:
        inputs, _ = self.table.reader.encoder.transform(frame)
        return np.column_stack([np.ones(len(frame)), inputs.double().numpy()])

    def _labels(self, frame: pd.DataFrame) -> np.ndarray:
        return self.table.reader.target.standardized(frame["y"].to_numpy(float))[0]

    def _judged(
        self, asked: pd.DataFrame, mean: np.ndarray, variance: np.ndarray
    ) -> list[tuple[float, float]]:
        labels, slope = self.table.reader.target.standardized(asked["y"].to_numpy(float))
        density = -0.5 * (labels - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance) - slope
        return by_task(asked, self.table.reader.target.units(torch.from_numpy(mean)).numpy(), density)


def part(
    known: pd.DataFrame, new_rows: pd.DataFrame, seed: int, seconds: dict[str, float]
) -> tuple[Figures, str]:
    """Learn from known tasks, and judge all methods on new ones."""
    figures: Figures = {}
    numbers = [
        n for n in N_ROWS if all((rows["task"].value_counts() > n).any() for rows in (known, new_rows))
    ]
    asked = {
        name: task_learning(
            task_column="task", target="y:regression", learner=name, seed=seed, progress=False,
            steps=None if name == "mixed" else STEPS,
        )
        for name in LEARNERS
    }  # fmt: skip
    read = read_task_table(known, asked["mixed"].columns, "task")
    trials = {}
    for name, how in asked.items():
        start = time.process_time()
        trials[name], model = learned(known, read, name, how, seed=seed)
        figures |= {(name, n): answered(model, new_rows, n) for n in numbers}
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - start
    ridges = Ridges(read, numbers)
    for n in numbers:
        figures |= {(name, n): found for name, found in ridges.figures(new_rows, n).items()}
    chosen = chosen_learner({name: trials[name].scores for name in TRIED}, TRIED)
    return figures | {("auto", n): figures[chosen, n] for n in numbers}, chosen


def measured(name: str) -> dict[str, object]:
    """Return the figures of a set."""
    return by_parts(
        name, load(name), part, n_parts=N_PARTS, n_rows=N_ROWS, metrics=("log_density", "rmse"), seed=SEED
    )


def main() -> None:
    """Measure the sets that are named, beside those that were measured before."""
    setting = {
        "steps": STEPS, "most_tasks": MOST_TASKS, "most_rows_of_a_task": MOST_ROWS,
        "most_asked": MOST_ASKED, "parts": N_PARTS,
        "auto_tries": list(TRIED), "unit": "log density in nats; rmse in units of the label",
    }  # fmt: skip
    measure_sets(
        measured, about=__doc__, sets=("chicks", "patients", "schools"), results=RESULTS, setting=setting,
        seed=SEED, split="whole tasks in three parts, each new once",
    )  # fmt: skip


if __name__ == "__main__":
    main()
