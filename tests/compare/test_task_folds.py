"""Folds of new rows of known tasks, and of new tasks of which some rows are known."""

import numpy as np
import pytest

from polytask.compare.task_folds import folds_of_new_rows, folds_of_new_tasks
from polytask.data.tables.folds import Fold

TASK = np.repeat([3, 7, 8, 9, 20], [10, 6, 1, 8, 2])
ROWS = np.arange(len(TASK))


def whole_tasks() -> list[Fold]:
    held = [np.isin(TASK, names) for names in ([3], [7, 20], [8, 9])]
    return [Fold(train=ROWS[~one], held_out=ROWS[one]) for one in held]


def test_every_row_of_a_known_task_is_held_out_once_and_its_task_is_trained_on() -> None:
    folds = folds_of_new_rows(TASK, n_folds=3, seed=0)
    held_out = np.sort(np.concatenate([fold.held_out for fold in folds]))
    assert held_out.tolist() == ROWS[TASK != 8].tolist()
    for fold in folds:
        assert not np.intersect1d(fold.train, fold.held_out).size
        assert len(fold.train) + len(fold.held_out) == len(TASK)
        assert set(TASK[fold.held_out]) <= set(TASK[fold.train])


def test_folds_of_new_rows_follow_from_the_seed() -> None:
    first, again, other = (folds_of_new_rows(TASK, n_folds=2, seed=seed)[0].held_out for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("n_known", [0, 1, 5])
def test_so_many_rows_of_each_new_task_are_known_and_the_rest_judges(n_known: int) -> None:
    folds = folds_of_new_tasks(TASK, whole_tasks(), n_known, seed=0)
    for fold, whole in zip(folds, whole_tasks(), strict=True):
        told = np.setdiff1d(fold.train, whole.train)
        assert set(whole.train) <= set(fold.train) and not np.intersect1d(fold.train, fold.held_out).size
        for name in np.unique(TASK[whole.held_out]):
            n_rows = int((name == TASK).sum())
            enough = n_rows > n_known
            assert (TASK[told] == name).sum() == (n_known if enough else 0)
            assert (TASK[fold.held_out] == name).sum() == (n_rows - n_known if enough else 0)


def test_more_known_rows_hold_the_fewer() -> None:
    one, five = (folds_of_new_tasks(TASK, whole_tasks(), n_known, seed=0)[0] for n_known in (1, 5))
    assert set(one.train) <= set(five.train)


def test_folds_that_judge_nothing_are_left_out() -> None:
    assert len(folds_of_new_tasks(TASK, whole_tasks(), 7, seed=0)) == 2
    assert folds_of_new_tasks(TASK, whole_tasks(), 30, seed=0) == ()
