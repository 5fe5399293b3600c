"""Ensembles of trees that are told the task of a row, as a category."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from polytask.compare.candidate import Candidate, Fitted, Settings
from polytask.compare.table_rows import TableRows
from polytask.core import Task
from polytask.data.tables.folds import folds_of_rows

__all__ = ["TASK_CATEGORIES", "TaskCategory"]

_ESTIMATORS = {
    "boosted-trees": (HistGradientBoostingRegressor, HistGradientBoostingClassifier),
    "random-forest": (RandomForestRegressor, RandomForestClassifier),
}
TASK_CATEGORIES = tuple(f"{name}:task" for name in _ESTIMATORS)
"""The names of these candidates."""

_SEEDS, _FOLDS = 2**31 - 1, 5


class TaskCategory(Candidate):
    """An ensemble of trees for each target, with the task of a row as one more feature.

    The task is encoded by what its labels say: their mean or class frequencies, drawn towards those of all
    tasks. In training that is what other folds' labels say, so that no row's label is among its features. A
    task without a label is encoded as all tasks are.

    Args:
        base: ``"boosted-trees"`` or ``"random-forest"``.

    Example:
        >>> TaskCategory("random-forest").name
        'random-forest:task'
    """

    needs_tasks = True
    defaults = {}, {}

    def __init__(self, base: str) -> None:
        self.base, self.name = base, f"{base}:task"
        self.words = f"{'boosted trees' if base == 'boosted-trees' else 'a random forest'} told the task"
        self.recipe: Mapping[str, Any] | None = {"kind": "named", "name": self.name}

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        (task,) = rows.tasks
        numbers, labels = task.kind == "regression", rows.labels(task.name)
        if not numbers:
            labels = labels.astype(np.int64)
            if len(np.unique(labels)) < 2:
                return Fitted(predict=lambda others: {task.name: _shares(task, labels[:1], len(others))})
        outputs = labels[:, None] if numbers else np.eye(max(task.n_outputs, 2))[labels]
        told = np.empty(outputs.shape)
        for fold in folds_of_rows(len(rows), n_folds=min(_FOLDS, len(rows)), seed=seed):
            others = _Encoding(rows.known_groups[fold.train], outputs[fold.train])
            told[fold.held_out] = others.of(rows.known_groups[fold.held_out])
        encoding = _Encoding(rows.known_groups, outputs)
        estimator: Any = _ESTIMATORS[self.base][0 if numbers else 1](random_state=seed % _SEEDS, **settings)
        estimator.fit(np.concatenate([self._features(rows), told], axis=1), labels)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            features = np.concatenate([self._features(others), encoding.of(others.known_groups)], axis=1)
            if numbers:
                return {task.name: estimator.predict(features)}
            shares = _shares(task, labels[:0], len(others))
            shares[:, estimator.classes_] = estimator.predict_proba(features)
            return {task.name: shares}

        return Fitted(predict=predict)

    def _features(self, rows: TableRows) -> np.ndarray:
        return rows.gappy_features[0] if self.base == "boosted-trees" else rows.features


class _Encoding:
    """The mean of each task's outputs, drawn towards that of all by what tasks differ beside their noise."""

    def __init__(self, of_row: np.ndarray, outputs: np.ndarray) -> None:
        self.names, code, counts = np.unique(of_row, return_inverse=True, return_counts=True)
        self.overall = outputs.mean(0)
        sums = np.zeros((len(self.names), outputs.shape[1]))
        np.add.at(sums, code.reshape(-1), outputs)
        means = sums / counts[:, None]
        noise = np.square(outputs - means[code.reshape(-1)]).sum() / max(len(of_row) - len(self.names), 1)
        between = np.square(means - self.overall).sum(1).mean() - noise * (1 / counts).mean()
        weight = noise / max(between, 1e-3 * noise, 1e-12)  # so many rows count for what all tasks say
        self.means = (sums + weight * self.overall) / (counts + weight)[:, None]

    def of(self, of_row: np.ndarray) -> np.ndarray:
        """Return the encoding of rows by their tasks, ``[row, output]``."""
        place = np.searchsorted(self.names, of_row).clip(max=len(self.names) - 1)
        return np.where((self.names[place] == of_row)[:, None], self.means[place], self.overall)


def _shares(task: Task, certain: np.ndarray, n_rows: int) -> np.ndarray:
    """Return probabilities ``[row, class]``: 1 for a class that is the only one, else 0."""
    shares = np.zeros((n_rows, max(task.n_outputs, 2)))
    shares[:, certain] = 1.0
    return shares
