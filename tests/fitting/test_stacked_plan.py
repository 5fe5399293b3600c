"""Which networks are trained: those of a target alone see the rows that have a label of it."""

import numpy as np

from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.stacked_plan import Members

FOLDS = folds_of_rows(10, n_folds=5, seed=0)


def test_networks_of_a_target_see_its_labelled_rows_alone() -> None:
    known = np.ones((10, 2), dtype=bool)
    known[:6, 1] = False
    members = Members.baselines([FOLDS], known)
    of_second = [fold for fold, model in zip(members.folds, members.models, strict=True) if model == 1]
    assert of_second
    for fold in of_second:
        assert known[fold.train, 1].all() and known[fold.held_out, 1].all()
    judged = np.concatenate([fold.held_out for fold in of_second])
    assert sorted(judged.tolist()) == [6, 7, 8, 9]
    assert members.models.count(0) == 5
    assert members.learns[0].tolist() == [True, False]


def test_a_target_without_a_usable_fold_keeps_its_networks() -> None:
    known = np.ones((10, 2), dtype=bool)
    known[:, 1] = False
    known[FOLDS[0].held_out, 1] = True
    members = Members.baselines([FOLDS[:1]], known)
    assert members.models.count(1) == 1
