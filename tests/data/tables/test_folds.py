"""Folds: every row is held out once, with its share of every label, and apart from what belongs to it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold

from polytask.core import DataError, InputError
from polytask.data.tables.folds import (
    Fold,
    deal_units,
    folds_by_column,
    folds_by_splitter,
    folds_in_time,
    folds_of_groups,
    folds_of_rows,
)
from polytask.data.tables.label_split import Labels


def expect_a_partition(folds: tuple[Fold, ...], n_rows: int) -> None:
    assert sorted(np.concatenate([fold.held_out for fold in folds]).tolist()) == list(range(n_rows))
    for fold in folds:
        assert sorted([*fold.train, *fold.held_out]) == list(range(n_rows))


def draws(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=30, deadline=None)
@given(n_rows=st.integers(2, 80), n_folds=st.integers(2, 9), seed=st.integers(0, 99))
def test_every_row_is_held_out_once_in_folds_of_one_size(n_rows: int, n_folds: int, seed: int) -> None:
    folds = folds_of_rows(n_rows, n_folds=n_folds, seed=seed)
    expect_a_partition(folds, n_rows)
    sizes = [len(fold.held_out) for fold in folds]
    assert len(folds) == min(n_folds, n_rows) and max(sizes) - min(sizes) <= 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_folds=st.integers(2, 6))
def test_every_fold_has_its_share_of_each_label_of_several_targets(seed: int, n_folds: int) -> None:
    draw = draws(seed)
    rare = np.where(draw.random(120) < 0.1, 1, 0)
    sparse = np.where(draw.random(120) < 0.2, draw.integers(0, 2, 120), -1)  # few rows have a label
    folds = folds_of_rows(120, n_folds=n_folds, seed=seed, labels=[Labels(codes=rare), Labels(codes=sparse)])
    expect_a_partition(folds, 120)
    for codes in (rare, sparse):
        for code in np.unique(codes[codes >= 0]):
            counts = [int((codes[fold.held_out] == code).sum()) for fold in folds]
            # One for what does not divide, and one where two labels of a row want different folds.
            assert max(counts) - min(counts) <= 2, (code, counts)


def test_two_rows_of_a_class_are_in_two_folds() -> None:
    codes = np.zeros(40, dtype=np.int64)
    codes[[3, 4]] = 1
    for seed in range(20):
        folds = folds_of_rows(40, n_folds=5, seed=seed, labels=[Labels(codes=codes)])
        assert sorted(int(codes[fold.held_out].sum()) for fold in folds) == [0, 0, 0, 1, 1]


def test_the_seed_decides_the_folds() -> None:
    first, again, other = (folds_of_rows(30, n_folds=3, seed=seed)[0].held_out for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_folds=st.integers(2, 6))
def test_groups_are_never_cut(seed: int, n_folds: int) -> None:
    draw = draws(seed)
    groups = pd.Series(draw.choice(list("abcdefgh"), 60), name="site")
    codes = draw.integers(-1, 3, 60)
    folds = folds_of_groups(groups, n_folds=n_folds, seed=seed, labels=[Labels(codes=codes)])
    expect_a_partition(folds, 60)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.held_out])
        assert len(fold.held_out)


def test_groups_with_a_rare_label_are_in_different_folds() -> None:
    groups = pd.Series(np.arange(60) // 6)
    codes = np.where(np.isin(groups, [2, 7]), 1, 0)
    for seed in range(10):
        folds = folds_of_groups(groups, n_folds=2, seed=seed, labels=[Labels(codes=codes)])
        assert all(codes[fold.held_out].any() for fold in folds)


@settings(max_examples=30, deadline=None)
@given(times=st.lists(st.integers(0, 12), min_size=2, max_size=60), n_folds=st.integers(2, 6))
def test_training_rows_are_earlier_than_those_that_are_held_out(times: list[int], n_folds: int) -> None:
    if len(set(times)) < 2:
        return
    values = np.array(times)
    folds = folds_in_time(pd.Series(values), n_folds=n_folds)
    held_out = np.concatenate([fold.held_out for fold in folds])
    assert len(np.unique(held_out)) == len(held_out) and len(folds) <= n_folds
    for fold in folds:
        assert values[fold.train].max() < values[fold.held_out].min()
    assert values[folds[-1].held_out].max() == values.max()
    first = set(range(len(times))) - set(held_out.tolist())
    assert sorted(folds[0].train.tolist()) == sorted(first)  # all but the first block are judged


def test_days_in_text_are_put_in_order() -> None:
    days = pd.Series(["2021-03-01", "2020-12-31", "2022-01-01"], name="day")
    first, second = folds_in_time(days, n_folds=2)
    assert (first.train.tolist(), first.held_out.tolist()) == ([1], [0])
    assert (second.train.tolist(), second.held_out.tolist()) == ([0, 1], [2])


@pytest.mark.parametrize(
    ("deal", "message"),
    [
        (lambda: folds_of_rows(1, n_folds=5, seed=0), "1 row with a label, but folds need two"),
        (
            lambda: folds_of_groups(pd.Series(["a"] * 5, name="site"), n_folds=2, seed=0),
            "'site' has 1 group, .* leave out `group`",
        ),
        (
            lambda: folds_in_time(pd.Series([7] * 5, name="year"), n_folds=2),
            "'year' has 1 different time, .* leave out `time_column`",
        ),
        (
            lambda: folds_by_column(pd.Series([7, None, 7], name="part")),
            "'part' of `fold_column` has 1 value in labelled rows",
        ),
        (
            lambda: folds_by_column(pd.Series(range(101), name="row")),
            "'row' of `fold_column` has 101 values in labelled rows, .* 2 to 100 are possible",
        ),
    ],
)
def test_what_cannot_be_dealt_is_named(deal: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        deal()


def test_a_splitter_gets_labels_and_groups() -> None:
    labels = np.array([0] * 8 + [1] * 4)
    for fold in folds_by_splitter(StratifiedKFold(4), 12, labels=labels):
        assert labels[fold.held_out].tolist() == [0, 0, 1]
    groups = np.arange(12) // 3
    for fold in folds_by_splitter(GroupKFold(4), 12, groups=groups):
        assert not set(groups[fold.train]) & set(groups[fold.held_out])


def test_each_value_of_a_column_is_a_fold() -> None:
    column = pd.Series([2, 1.0, 2, 3, 1], dtype="float")
    folds = folds_by_column(column)
    expect_a_partition(folds, 5)
    assert [set(column[fold.held_out]) for fold in folds] == [{2.0}, {1.0}, {3.0}]


def test_pairs_of_truth_values_are_taken() -> None:
    (fold,) = folds_by_splitter([(np.array([True, False, True]), np.array([False, True, False]))], 3)
    assert (fold.train.tolist(), fold.held_out.tolist()) == ([0, 2], [1])


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (3.5, "`folds` takes a number, a scikit-learn splitter, or pairs .* got float"),
        ("5", "got str"),
        ([], "`folds` has no pair"),
        ([(1, 2, 3)], "Pair 0 of `folds` is no pair of row positions"),
        ([([0], [1]), 7], "Pair 1 of `folds` is no pair"),
        ([([0.0], [1])], "Pair 0 of `folds` needs positions of rows, whole numbers"),
        ([([], [1])], "some for training and some held out"),
        ([([0], [[1, 2]])], "needs positions"),
        ([(np.array([True, False]), [1])], "a truth value for each of the 4 rows"),
        ([([0], [4])], "positions from 4 to 4, but the rows of the table are 0 to 3"),
        ([([-1], [1])], "positions from -1 to -1"),
        ([([0, 1], [1, 2])], "Pair 0 of `folds` trains on rows that it holds out"),
        ([([0], [1]), ([2], [1])], "holds some rows out more than once"),
        (StratifiedKFold(2), "The splitter of `folds` refuses the rows of the table"),
        (GroupKFold(2), "The splitter of `folds` refuses the rows of the table: .*groups"),
    ],
)
def test_folds_that_are_none_are_refused(splitter: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        folds_by_splitter(splitter, 4)


@pytest.mark.parametrize("seed", range(6))
def test_where_folds_lack_a_label_alike_the_one_with_most_room_gets_it(seed: int) -> None:
    one, other = np.full((2, 6), -1)
    one[0] = other[1] = 0  # a label each, in one row each
    folds = deal_units(np.arange(6), 6, 2, [Labels(codes=one), Labels(codes=other)], seed)
    assert folds[0] != folds[1]
