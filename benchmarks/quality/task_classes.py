"""Learners of small tasks of classes, on tests of toxicity and on generated tasks: new ones by a few rows.

    POLYTASK_DATA=folder python benchmarks/quality/task_classes.py --set toxicity sorts

``toxicity``: the tasks are tests of ToxCast in which a fifth to four fifths of the molecules are active, and
a row is a molecule, by 16 principal components of the fingerprints of all molecules: which one is active? A
molecule may stand in several tests, as in the set. ``sorts``: generated tasks of two to five classes of their
own, each a cloud around a centre that is drawn; what a class is called means nothing to other tasks.

Whole tasks are dealt into two or three parts. Each in turn is new: what `polytask.learn(TABLE, task_column=,
learner=)` makes of the other two reads 1, 5 or 20 random rows of each new task, and up to 20 others judge, by
the log probability of the class and the share of wrong answers. ``auto`` is the learner that the folds of
known tasks choose; new tasks have no say in anything. Rivals: ``levels``, the shares of the classes in each
task; ``pooled``, one logistic regression of all known tasks; ``own``, a logistic regression of the new rows
alone, mixed with the levels. Penalties and the mixture are those that are best for so many rows of known
tasks. Where classes are a task's own, there is no pooled model and ``mixed`` does not apply, and rows judge
whose class is among the rows that are known, of two or more. Writes ``results/task-classes.json``.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from task_parts import Figures, by_parts, learned, measure_sets  # beside this file

from polytask.core.random import numpy_generator
from polytask.datasets import toxcast
from polytask.estimators.task_learning import task_learning
from polytask.fitting.class_levels import ClassLevels
from polytask.fitting.judged_rows import LEAST_PROBABILITY
from polytask.fitting.new_task_scores import chosen_learner
from polytask.fitting.task_learner_table import TaskLearnerTable
from polytask.models import InContextModel, TaskTableModel

RESULTS = Path(__file__).parent / "results" / "task-classes.json"
LEARNERS = {"toxicity": ("mixed", "pfn"), "sorts": ("logistic", "pfn")}
N_ROWS = (1, 5, 20)
STEPS, N_TASKS, MOST_ROWS, MOST_ASKED, SEED = 150, 60, 40, 20, 21
N_PARTS = {"toxicity": 2, "sorts": 3}
PENALTIES = (0.01, 0.1, 1.0, 10.0)  # the C of scikit-learn
SHARES = (0.0, 0.3, 0.6, 0.9)  # of a row's own model, the rest being the levels

Cut = tuple[pd.DataFrame, pd.DataFrame]


def load(name: str) -> pd.DataFrame:
    """Return a table with columns ``y``, ``task`` and the features, of 60 tasks of 40 rows."""
    draw = numpy_generator(SEED, name)
    if name == "sorts":
        return pd.concat([_sorts(f"t{index}", draw) for index in range(N_TASKS)], ignore_index=True)
    molecules = toxcast()
    active = np.nanmean(molecules.labels, axis=0)
    enough = (~np.isnan(molecules.labels)).sum(0) >= MOST_ROWS
    assays = draw.choice(np.flatnonzero((active > 0.2) & (active < 0.8) & enough), N_TASKS, replace=False)
    bits = molecules.fingerprints().double()
    bits = bits - bits.mean(0)
    _, directions = torch.linalg.eigh(bits.T @ bits)
    features = (bits @ directions[:, -16:]).numpy()
    parts = []
    for assay in np.sort(assays):
        rows = draw.choice(np.flatnonzero(~np.isnan(molecules.labels[:, assay])), MOST_ROWS, replace=False)
        part = pd.DataFrame(features[rows], columns=[f"c{index}" for index in range(16)])
        words = np.where(molecules.labels[rows, assay] > 0, "active", "inactive")
        parts.append(part.assign(y=words, task=molecules.assays[assay]))
    return pd.concat(parts, ignore_index=True)


def _sorts(task: str, draw: np.random.Generator) -> pd.DataFrame:
    n_classes = int(draw.integers(2, 6))
    centres = 1.2 * draw.normal(size=(n_classes, 3))
    codes = draw.integers(n_classes, size=MOST_ROWS)
    x = centres[codes] + 0.7 * draw.normal(size=(MOST_ROWS, 3))
    names = draw.choice(list("abcdefgh"), n_classes, replace=False)
    return pd.DataFrame(x, columns=["u", "v", "w"]).assign(y=names[codes], task=task)


def cuts(table: pd.DataFrame, n: int, *, own: bool) -> Cut | None:
    """Return the known and the asked rows of each task; None where nothing is left to ask."""
    known, asked = [], []
    for _, rows in table.groupby("task", sort=True):
        given, rest = rows.head(n), rows.iloc[n : n + MOST_ASKED]
        if own:
            rest = rest[rest["y"].isin(set(given["y"]))] if given["y"].nunique() > 1 else rest.head(0)
        if len(rest):
            known.append(given)
            asked.append(rest)
    return (pd.concat(known), pd.concat(asked)) if asked else None


def by_task(asked: pd.DataFrame, shares: pd.DataFrame) -> list[tuple[float, float]]:
    """Return log probability and share of wrong answers of each task; a column of ``shares`` is a class."""
    places = shares.columns.get_indexer(pd.Index(asked["y"]))
    right = np.where(places >= 0, shares.to_numpy()[np.arange(len(asked)), places], 0.0)
    rows = pd.DataFrame(
        {
            "task": asked["task"].to_numpy(),
            "density": np.log(np.maximum(right, LEAST_PROBABILITY)),
            "wrong": shares.to_numpy().argmax(1) != places,
        }
    )
    found = rows.groupby("task", sort=True).mean()
    return list(zip(found["density"], found["wrong"], strict=True))


def answered(model: InContextModel | TaskTableModel, cut: Cut) -> list[tuple[float, float]]:
    """Let a model read the known rows of each new task, and judge it."""
    known, asked = cut
    answers = model.adapt(known).predict(asked)
    start = "y:p("
    shares = answers[[name for name in answers if str(name).startswith(start)]]
    return by_task(asked, shares.rename(columns=lambda name: name.removeprefix(start).removesuffix(")")))


class Rivals:
    """Levels, pooled and own logistic regressions, by features as the networks have them.

    Args:
        table: Known tasks.
        numbers: How many rows of a new one are known.
        own: Whether classes are a task's own.
    """

    def __init__(self, table: TaskLearnerTable, numbers: list[int], *, own: bool) -> None:
        self.table, self.own = table, own
        self.classes = list(table.reader.target.classes)
        codes, task = table.known.labels[:, 0].long().numpy(), table.known.task.numpy()
        self.levels = ClassLevels.of(codes, task, len(self.classes), own=own)
        self.pooled = None if own else self._pooled(codes, task)
        self.chosen = {}
        for n in numbers:
            cut = cuts(table.frame, n, own=own)
            tried = {
                (penalty, share): np.mean(
                    [one for one, _ in by_task(cut[1], self._mixture(cut, penalty, share))]
                )
                for penalty in (PENALTIES if cut else ())
                for share in SHARES
                if cut is not None
            }
            self.chosen[n] = max(tried, key=lambda one: tried[one]) if tried else (1.0, 0.0)

    def figures(self, cut: Cut, n: int) -> dict[str, list[tuple[float, float]]]:
        """Judge all on new tasks."""
        found = {"levels": self._levels(cut), "own": self._mixture(cut, *self.chosen[n])}
        if self.pooled is not None:
            shares = self.pooled.predict_proba(self._features(cut[1]))
            found["pooled"] = pd.DataFrame(shares, columns=[self.classes[c] for c in self.pooled.classes_])
        return {name: by_task(cut[1], shares) for name, shares in found.items()}

    def _pooled(self, codes: np.ndarray, task: np.ndarray) -> LogisticRegression:
        """Choose the penalty by whole tasks that are held out."""
        x = self._features(self.table.frame)
        held_out = np.isin(task, np.unique(task)[::3])
        losses = {}
        for penalty in PENALTIES:
            tried = LogisticRegression(C=penalty, max_iter=500).fit(x[~held_out], codes[~held_out])
            losses[penalty] = tried.predict_log_proba(x[held_out])[
                np.arange(held_out.sum()), codes[held_out]
            ].mean()
        best = max(losses, key=lambda one: losses[one])
        return LogisticRegression(C=best, max_iter=500).fit(x, codes)

    def _levels(self, cut: Cut) -> pd.DataFrame:
        known, asked = cut
        names = {name: index for index, name in enumerate(sorted(asked["task"].unique()))}
        of_known, of_asked = (frame["task"].map(names).to_numpy() for frame in cut)
        codes = known["y"].map(self.classes.index).to_numpy()
        found = self.levels.log_probabilities(codes, of_known, of_asked, len(self.classes))
        return pd.DataFrame(np.exp(found), columns=self.classes)

    def _mixture(self, cut: Cut, penalty: float, share: float) -> pd.DataFrame:
        """Answer with levels and, where two classes are known, a model of the known rows."""
        known, asked = cut
        levels = self._levels(cut)
        found = levels.to_numpy().copy()
        for task, rows in known.groupby("task"):
            there = (asked["task"] == task).to_numpy()
            if share and rows["y"].nunique() > 1:
                model = LogisticRegression(C=penalty, max_iter=500).fit(self._features(rows), rows["y"])
                places = [self.classes.index(name) for name in model.classes_]
                ours = np.zeros((there.sum(), len(self.classes)))
                ours[:, places] = model.predict_proba(self._features(asked[there]))
                found[there] = share * ours + (1 - share) * found[there]
        return pd.DataFrame(found, columns=self.classes)

    def _features(self, frame: pd.DataFrame) -> np.ndarray:
        return self.table.reader.encoder.transform(frame)[0].double().numpy()


def part(
    name: str, known: pd.DataFrame, new_rows: pd.DataFrame, seed: int, seconds: dict[str, float]
) -> tuple[Figures, str]:
    """Learn from known tasks, and judge all methods on new ones."""
    own = name == "sorts"
    figures: Figures = {}
    new_cuts = {n: cut for n in N_ROWS if (cut := cuts(new_rows, n, own=own)) is not None}
    asked = {
        learner: task_learning(
            task_column="task", target="y", learner=learner, seed=seed, progress=False, own_classes=own,
            steps=None if learner == "mixed" else STEPS,
        )
        for learner in LEARNERS[name]
    }  # fmt: skip
    read = asked["pfn"].read(known)
    trials = {}
    for learner, how in asked.items():
        start = time.process_time()
        trials[learner], model = learned(known, read, learner, how, seed=seed)
        figures |= {(learner, n): answered(model, cut) for n, cut in new_cuts.items()}
        seconds[learner] = seconds.get(learner, 0.0) + time.process_time() - start
    rivals = Rivals(read, list(new_cuts), own=own)
    for n, cut in new_cuts.items():
        figures |= {(method, n): found for method, found in rivals.figures(cut, n).items()}
    chosen = chosen_learner({one: trial.scores for one, trial in trials.items()}, list(trials))
    return figures | {("auto", n): figures[chosen, n] for n in new_cuts}, chosen


def measured(name: str) -> dict[str, object]:
    """Return the figures of a set."""
    return by_parts(
        name, load(name), partial(part, name), n_parts=N_PARTS[name], n_rows=N_ROWS,
        metrics=("log_probability", "error_rate"), seed=SEED,
    )  # fmt: skip


def main() -> None:
    """Measure the sets that are named, beside those that were measured before."""
    setting = {
        "steps": STEPS, "tasks": N_TASKS, "most_rows_of_a_task": MOST_ROWS, "most_asked": MOST_ASKED,
        "parts": N_PARTS, "least_probability": LEAST_PROBABILITY,
        "unit": "log probability of the right class in nats; share of wrong answers",
    }  # fmt: skip
    measure_sets(
        measured, about=__doc__, sets=("toxicity", "sorts"), results=RESULTS, setting=setting, seed=SEED,
        split="whole tasks in parts, each new once",
    )  # fmt: skip


if __name__ == "__main__":
    main()
