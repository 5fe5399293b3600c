"""A linear model of each task's own rows alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from polytask.compare.candidate import Candidate, Fitted, Settings
from polytask.compare.table_rows import TableRows
from polytask.core import Task
from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.few_label_heads import fit_head

__all__ = ["OwnTasks"]

_FOLDS, _FEWEST_CHOOSING = 5, 20
_STRENGTH = 0.1  # of a logistic regression of fewer rows


class OwnTasks(Candidate):
    """Fits each task alone: ridge or logistic regression, as strong as its own left-out rows say.

    A task without rows is answered by the mean, or the class frequencies, of all tasks; those count as one
    more row of each task's classes, so that a class that it has not shown is not impossible.

    Example:
        >>> OwnTasks().name
        'own'
    """

    name = "own"
    words = "a linear model of each task alone"
    recipe: Mapping[str, Any] | None = {"kind": "named", "name": "own"}
    defaults = {}, {}
    needs_tasks = True

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        (task,) = rows.tasks
        labels, features = rows.labels(task.name), rows.features.astype(np.float64)
        overall = _overall(task, labels)
        models = {}
        for name in np.unique(rows.known_groups):
            own = np.flatnonzero(rows.known_groups == name)
            models[name] = _Model(task, features[own], labels[own], overall, seed=seed)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            found = np.tile(overall, (len(others), 1))
            of_row, new = others.known_groups, others.features.astype(np.float64)
            for name in np.unique(of_row):
                if name in models:
                    found[of_row == name] = models[name].predict(new[of_row == name])
            return {task.name: found[:, 0] if task.kind == "regression" else found}

        return Fitted(predict=predict)


class _Model:
    """The model of one task."""

    def __init__(
        self, task: Task, features: np.ndarray, labels: np.ndarray, overall: np.ndarray, *, seed: int
    ) -> None:
        self.task, self.overall, self.n_rows = task, overall, len(labels)
        numbers = task.kind == "regression"
        chooses = numbers or len(labels) >= _FEWEST_CHOOSING
        folds = () if numbers or not chooses else folds_of_rows(len(labels), n_folds=_FOLDS, seed=seed)
        strength = None if chooses else _STRENGTH
        self.head = fit_head(task, features, labels, folds, strength=strength)
        reach = labels.max() - labels.min()
        self.low, self.high = labels.min() - reach, labels.max() + reach

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict rows: numbers not far from what the task has shown, or probabilities ``[row, output]``."""
        outputs = features @ self.head.weight + self.head.bias
        if self.task.kind == "regression":
            return outputs.clip(self.low, self.high)
        if self.task.kind == "binary":
            outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
        shares = np.exp(outputs - outputs.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        return (self.n_rows * shares + self.overall) / (self.n_rows + 1)


def _overall(task: Task, labels: np.ndarray) -> np.ndarray:
    """Return the mean, or the frequencies of the classes, of all tasks: ``[output]``."""
    if task.kind == "regression":
        return np.array([labels.mean()])
    n_classes = max(task.n_outputs, 2)
    counts = np.bincount(labels.astype(int), minlength=n_classes) + 1
    return counts / counts.sum()
