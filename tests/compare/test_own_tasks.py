"""A linear model of each task alone."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from tests.compare.task_samples import rows_of, shops

from polytask.compare.own_tasks import OwnTasks


def test_each_task_is_answered_by_its_own_rows() -> None:
    rows = rows_of(shops(), "sold")
    train, new = (
        rows.rows(np.flatnonzero(np.arange(len(rows)) % 4 > 0)),
        rows.rows(np.arange(0, len(rows), 4)),
    )
    found = OwnTasks().fit(train, {}, seed=0).predict(new)["sold"]
    for task in np.unique(new.known_groups):
        ours, its = train.known_groups == task, new.known_groups == task
        line = LinearRegression().fit(train.features[ours], train.labels("sold")[ours])
        assert np.abs(found[its] - line.predict(new.features[its])).max() < 0.3


def test_other_tasks_do_not_matter_and_an_unknown_one_is_answered_by_the_mean_of_all() -> None:
    rows = rows_of(shops(), "sold")
    known = rows.rows(np.flatnonzero(rows.known_groups < 5))
    few = rows.rows(np.flatnonzero(rows.known_groups < 2))
    asked = rows.rows(np.flatnonzero(rows.known_groups < 2))
    ours, theirs = (OwnTasks().fit(one, {}, seed=0).predict(asked)["sold"] for one in (known, few))
    assert np.allclose(ours, theirs)
    new = rows.rows(np.flatnonzero(rows.known_groups == 9))
    told = OwnTasks().fit(known, {}, seed=0).predict(new)["sold"]
    assert np.allclose(told, known.labels("sold").mean())


def test_one_row_is_enough_for_a_number() -> None:
    rows = rows_of(shops(), "sold")
    first = np.flatnonzero(rows.known_groups == 3)
    fitted = OwnTasks().fit(rows.rows(first[:1]), {}, seed=0)
    told = fitted.predict(rows.rows(first[1:]))["sold"]
    assert np.allclose(told, rows.labels("sold")[first[0]])


@pytest.mark.parametrize("n_rows", [1, 14])
def test_classes_that_a_task_has_not_shown_are_not_impossible(n_rows: int) -> None:
    rows = rows_of(shops(), "often")
    train = rows.rows(np.flatnonzero(np.arange(len(rows)) % 14 < n_rows))
    shares = OwnTasks().fit(train, {}, seed=0).predict(rows)["often"]
    assert shares.shape == (len(rows), 2) and np.allclose(shares.sum(1), 1)
    assert shares.min() > 0.001 and shares.max() > 0.7
