"""The step at which a network is judged on a task is chosen by other tasks."""

import numpy as np

from polytask.fitting.new_task_scores import RowPredictions
from polytask.fitting.task_learner_trials import crossed


def check(values: np.ndarray, task: np.ndarray) -> tuple[dict[int, RowPredictions], np.ndarray]:
    """Return what a step answers where each task has one figure, and its rows have the same."""
    of_row = values[task]
    answers = RowPredictions(error=of_row[:, None], log_density=of_row, level=of_row[:, None])
    return {0: answers}, values


def test_noise_that_each_task_would_choose_itself_makes_nothing_better():
    draw = np.random.default_rng(0)
    task = np.repeat(np.arange(10), 2)
    greedy, found = [], []
    for seed in range(300):
        checks = [check(values, task) for values in draw.normal(size=(5, 10))]
        greedy.append(np.stack([by_task for _, by_task in checks]).mean(1).max())
        answers = crossed(checks, {0: task}, seed=seed)[0].log_density
        assert np.array_equal(answers[::2], answers[1::2])
        found.append(answers.mean())
    assert np.mean(greedy) > 0.3  # the best of five by the tasks themselves, though all are alike
    assert abs(np.mean(found)) < 0.08


def test_a_step_that_is_better_for_all_is_taken_for_all():
    task = np.arange(6)
    checks = [check(np.full(6, value), task) for value in (0.0, 2.0, 1.0)]
    assert (crossed(checks, {0: task}, seed=0)[0].error == 2).all()


def test_one_task_alone_has_the_step_that_is_best_for_it():
    checks = [check(np.array([value]), np.zeros(3, dtype=int)) for value in (0.0, 2.0)]
    assert (crossed(checks, {0: np.zeros(3, dtype=int)}, seed=0)[0].error == 2).all()
