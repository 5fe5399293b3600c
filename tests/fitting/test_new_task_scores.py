"""Scores on held-out tasks: cuts, averages by task, and which learner is chosen."""

import numpy as np
from scipy.stats import norm

from polytask.fitting.new_task_scores import (
    N_ROWS,
    RowPredictions,
    Scores,
    chosen_learner,
    cuts_of,
    judged,
    normal_predictions,
    trials_of,
)


def scores(level: float, noise: float = 0.0, n_tasks: int = 40) -> Scores:
    draw = np.random.default_rng(0)
    found = level + noise * draw.normal(size=(len(N_ROWS), n_tasks))
    return Scores(log_density=found, errors={"rmse": np.ones_like(found)})


def test_known_and_asked_rows_are_of_one_task_and_apart() -> None:
    task = np.repeat([3, 7], [30, 4])
    for n, (known, asked) in cuts_of(task, seed=1).items():
        assert not set(known) & set(asked)
        large = [number for number, size in ((3, 30), (7, 4)) if size > n]
        assert sorted(set(task[asked])) == large
        assert [int((task[known] == number).sum()) for number in large] == [n] * len(large)


def test_tasks_count_alike_however_many_rows_they_have() -> None:
    mean, zero = np.array([1.0, 1.0, 1.0, 5.0]), np.zeros(4)
    answers = RowPredictions(error=mean[:, None] ** 2, log_density=-mean, level=zero[:, None])
    nothing = RowPredictions.none(1)
    of_task = dict.fromkeys(N_ROWS, np.zeros(0, dtype=int)) | {0: np.array([0, 0, 0, 1])}
    found = judged(dict.fromkeys(N_ROWS, nothing) | {0: answers}, of_task, 2, ["rmse"])
    np.testing.assert_allclose(found.log_density[0], [-1, -5])
    np.testing.assert_allclose(found.errors["rmse"][0], [1, 25])
    np.testing.assert_allclose(found.by_task, [-1, -5])  # other numbers of rows have no figure


def test_the_first_that_is_not_clearly_behind_is_chosen() -> None:
    found = {"cheap": scores(-1.0, 0.5), "same": scores(-0.999, 0.5), "better": scores(0.0, 0.5)}
    assert chosen_learner(found, ["cheap", "same"]) == "same"  # behind in every single task
    assert chosen_learner(found, ["cheap", "better"]) == "better"
    noisy = {"cheap": scores(-1.0), "dear": scores(-0.99, 5.0)}
    assert chosen_learner(noisy, ["cheap", "dear"]) == "cheap"


def test_trials_tell_how_far_each_is_behind_the_best() -> None:
    first, second = trials_of({"a": scores(-2.0), "b": scores(-1.0)}, "b")
    assert first.behind.mean == 1.0 and second.behind.mean == 0.0
    assert [one.n_rows for one in second.scores] == list(N_ROWS) and second.chosen


def test_the_level_is_that_of_the_least_central_interval() -> None:
    density, level = normal_predictions(np.zeros(1), np.full(1, 4.0), np.full(1, 2.0), np.full(1, 0.3))
    np.testing.assert_allclose(density, norm.logpdf(2, 0, 2) - 0.3)
    np.testing.assert_allclose(level, norm.cdf(1) - norm.cdf(-1))
