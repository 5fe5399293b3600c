"""Ensembles of trees that are told the task of a row."""

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from tests.compare.task_samples import rows_of, shops

from polytask.compare import task_category
from polytask.compare.standard import STANDARD
from polytask.compare.table_rows import TableRows
from polytask.compare.task_category import TASK_CATEGORIES, TaskCategory


def split(target: str) -> tuple[TableRows, TableRows]:
    rows = rows_of(shops(), target)
    return rows.rows(np.flatnonzero(np.arange(len(rows)) % 4 > 0)), rows.rows(np.arange(0, len(rows), 4))


@pytest.mark.parametrize("base", [name.partition(":")[0] for name in TASK_CATEGORIES])
def test_numbers_of_known_tasks_are_predicted_better_than_without_the_task(base: str) -> None:
    train, new = split("sold")
    errors = {}
    for candidate in (TaskCategory(base), STANDARD[base]()):
        fitted = candidate.fit(train, {}, seed=0)
        assert fitted is not None
        errors[candidate.name] = np.square(fitted.predict(new)["sold"] - new.labels("sold")).mean()
    assert errors[f"{base}:task"] < 0.4 * errors[base]


@pytest.mark.parametrize("base", [name.partition(":")[0] for name in TASK_CATEGORIES])
def test_classes_get_probabilities_that_know_the_task(base: str) -> None:
    train, new = split("often")
    shares = TaskCategory(base).fit(train, {}, seed=0).predict(new)["often"]
    assert shares.shape == (len(new), 2) and np.allclose(shares.sum(1), 1)
    right = shares[np.arange(len(new)), new.labels("often").astype(int)]
    assert right.mean() > 0.65


def test_the_label_of_a_row_is_not_among_its_own_features(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Recorder(DummyRegressor):
        def __init__(self, random_state: int = 0) -> None:
            super().__init__()
            self.random_state = random_state

        def fit(self, features: np.ndarray, labels: np.ndarray) -> "Recorder":  # type: ignore[override]
            seen.append(features)
            return super().fit(features, labels)

    monkeypatch.setitem(task_category._ESTIMATORS, "random-forest", (Recorder, Recorder))
    rows = rows_of(shops(), "sold")
    TaskCategory("random-forest").fit(rows, {}, seed=0)
    rows.batch.targets["sold"][17] += 50
    TaskCategory("random-forest").fit(rows, {}, seed=0)
    assert seen[0].shape[1] == rows.features.shape[1] + 1
    changed = np.flatnonzero((seen[0] != seen[1]).any(1))
    assert 17 not in changed and (rows.known_groups[changed] == rows.known_groups[17]).any()


def test_one_class_is_certain() -> None:
    rows = rows_of(shops(), "often")
    train = rows.rows(np.flatnonzero(rows.labels("often") == 1))
    shares = TaskCategory("boosted-trees").fit(train, {}, seed=0).predict(rows)["often"]
    assert (shares == [0, 1]).all()
