import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.data.tables.label_split import Labels, Need, needs_of_labels, parts_that_meet
from polytask.data.tables.splits import Split, split_groups, split_rows, split_time

_TARGETS = st.lists(
    st.lists(st.sampled_from([-1, -1, 0, 0, 1, 2]), min_size=8, max_size=8).filter(lambda c: max(c) >= 0),
    min_size=1,
    max_size=3,
)
_UNITS = st.lists(st.integers(0, 4), min_size=5, max_size=5).map(lambda more: [0, 1, 2, *more])


def _labels(targets: list[list[int]]) -> list[Labels]:
    return [Labels(codes=np.array(codes)) for codes in targets]


def _meets(parts: np.ndarray, needs: list[Need]) -> bool:
    return all((parts[need.units] == need.part).any() for need in needs)


def _parts(split: Split, n_rows: int) -> np.ndarray:
    parts = np.full(n_rows, -1)
    for number, rows in enumerate((split.train, split.validation, split.test)):
        parts[rows] = number
    return parts


@settings(max_examples=40, deadline=None)
@given(_TARGETS, _UNITS, st.integers(0, 3))
def test_a_split_by_group_that_the_labels_allow_is_found_if_there_is_one(
    targets: list[list[int]], groups: list[int], seed: int
) -> None:
    codes = np.unique(groups, return_inverse=True)[1]
    needs, n_groups = needs_of_labels(_labels(targets), codes), codes.max() + 1
    possible = any(_meets(np.array(way), needs) for way in itertools.product(range(3), repeat=n_groups))
    split = split_groups(pd.Series(groups), seed=seed, labels=_labels(targets))
    assert _meets(_parts(split, 8), needs_of_labels(_labels(targets), np.arange(8))) == possible


@settings(max_examples=15, deadline=None)
@given(_TARGETS, st.integers(0, 3))
def test_a_split_by_row_that_the_labels_allow_is_found_if_there_is_one(
    targets: list[list[int]], seed: int
) -> None:
    needs = needs_of_labels(_labels(targets), np.arange(8))
    possible = any(_meets(np.array(way), needs) for way in itertools.product(range(3), repeat=8))
    assert _meets(_parts(split_rows(8, seed=seed, labels=_labels(targets)), 8), needs) == possible


@settings(max_examples=40, deadline=None)
@given(_TARGETS, _UNITS)
def test_cuts_in_time_that_the_labels_allow_are_found_if_there_are_any(
    targets: list[list[int]], days: list[int]
) -> None:
    order = np.unique(days, return_inverse=True)[1]
    needs = needs_of_labels(_labels(targets), np.arange(8))
    cuts = itertools.combinations(range(1, order.max() + 1), 2)
    possible = any(_meets((order >= first).astype(int) + (order >= last), needs) for first, last in cuts)
    assert _meets(_parts(split_time(pd.Series(days), labels=_labels(targets)), 8), needs) == possible


def test_every_class_of_many_trains_though_each_has_few_rows() -> None:
    classes = np.arange(1000) % 200
    split = split_rows(1000, seed=0, labels=[Labels(codes=classes)])
    assert set(classes[split.train]) == set(range(200))
    assert [len(part) for part in (split.train, split.validation, split.test)] == [600, 200, 200]


def test_a_split_that_the_labels_allow_already_is_left_alone() -> None:
    labels = [Labels(codes=np.arange(100) % 2)]
    plain, asked = split_rows(100, seed=3), split_rows(100, seed=3, labels=labels)
    assert plain.train.tolist() == asked.train.tolist() and plain.test.tolist() == asked.test.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_target_labelled_in_few_groups_is_in_every_part(seed: int) -> None:
    sites = np.repeat(np.arange(10), 6)
    measured = np.where(np.isin(sites, [2, 3, 4]), 0, -1)
    split = split_groups(pd.Series(sites), seed=seed, labels=[Labels(codes=measured)])
    assert all((measured[part] >= 0).any() for part in (split.train, split.validation, split.test))


def test_the_seed_decides_how_a_split_is_mended() -> None:
    # Every other row is of a class of its own, so that single moves get stuck.
    labels = [Labels(codes=np.arange(30) // 2), Labels(codes=np.where(np.arange(30) < 4, 0, -1))]
    first, again, other = (split_rows(30, seed=seed, labels=labels).test.tolist() for seed in (0, 0, 1))
    assert first == again and first != other


def test_needs_that_cannot_be_met_are_told() -> None:
    needs = [Need(units=np.array([0]), part=part) for part in range(2)]
    draw = np.random.default_rng(0)
    assert parts_that_meet(needs, np.array([0, 1, 2]), np.ones(3, dtype=int), draw) is None
