import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import DataError, InputError
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.splits import Split, split_groups, split_rows, split_time

_HALF = (0.5, 0.25, 0.25)
_FRACTIONS = st.sampled_from([(0.6, 0.2, 0.2), _HALF, (0.98, 0.01, 0.01), (0.1, 0.1, 0.8)])


def _parts(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return split.train, split.validation, split.test


def _assert_covers(split: Split, n_rows: int) -> None:
    assert all(len(part) for part in _parts(split))
    assert sorted(np.concatenate(_parts(split)).tolist()) == list(range(n_rows))


@settings(max_examples=100, deadline=None)
@given(st.integers(3, 200), _FRACTIONS, st.integers(0, 5))
def test_random_rows_fill_every_part_with_its_fraction(
    n_rows: int, fractions: tuple[float, float, float], seed: int
) -> None:
    split = split_rows(n_rows, fractions=fractions, seed=seed)
    _assert_covers(split, n_rows)
    for part, fraction in zip(_parts(split), fractions, strict=True):
        assert abs(len(part) - fraction * n_rows) <= 2


def test_a_seed_decides_the_split() -> None:
    first, again, other = (split_rows(50, seed=seed).train.tolist() for seed in (0, 0, 1))
    assert first == again and first != other


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*"aaaaaabbbcd", None]), min_size=12, max_size=80), st.integers(0, 5))
def test_every_class_has_a_row_in_training_and_about_its_share_everywhere(
    classes: list[str | None], seed: int
) -> None:
    split = split_rows(len(classes), seed=seed, stratify=pd.Series(classes, dtype=object))
    _assert_covers(split, len(classes))
    values = np.array([str(name) for name in classes])
    assert set(values[split.train]) == set(values)
    n_classes = len(set(values))
    for name in set(values):
        for part, fraction in zip(_parts(split), (0.6, 0.2, 0.2), strict=True):
            assert abs((values[part] == name).sum() - fraction * (values == name).sum()) <= 2 + n_classes


def test_stratification_does_not_see_the_index() -> None:
    classes = pd.Series(list("aab" * 10))
    first = split_rows(30, seed=0, stratify=classes)
    second = split_rows(30, seed=0, stratify=classes.set_axis(range(30, 0, -1)))
    assert first.train.tolist() == second.train.tolist()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=3, max_size=100), _FRACTIONS, st.integers(0, 5))
def test_a_group_is_never_cut(groups: list[int], fractions: tuple[float, float, float], seed: int) -> None:
    if len(set(groups)) < 3:
        groups = [*groups, 20, 21, 22]
    split = split_groups(pd.Series(groups), fractions=fractions, seed=seed)
    _assert_covers(split, len(groups))
    values = np.array(groups)
    owners = [set(values[part]) for part in _parts(split)]
    assert sum(map(len, owners)) == len(set(groups))


def test_many_small_groups_meet_the_fractions() -> None:
    groups = pd.Series(np.random.default_rng(0).integers(0, 200, 2000))
    sizes = [len(part) / 2000 for part in _parts(split_groups(groups, fractions=_HALF, seed=0))]
    np.testing.assert_allclose(sizes, _HALF, atol=0.01)


def test_groups_are_drawn_by_the_seed() -> None:
    groups = pd.Series(np.repeat(np.arange(20), 3))
    first, again, other = (split_groups(groups, seed=seed).test.tolist() for seed in (0, 0, 1))
    assert first == again and first != other


_TIMES = st.lists(st.integers(0, 30), min_size=3, max_size=100).map(lambda days: [*days, 40, 41, 42])


@settings(max_examples=100, deadline=None)
@given(_TIMES, _FRACTIONS)
def test_training_comes_before_validation_and_that_before_test(
    days: list[int], fractions: tuple[float, float, float]
) -> None:
    split = split_time(pd.Series(days), fractions=fractions)
    _assert_covers(split, len(days))
    values = np.array(days)
    train, validation, test = (values[part] for part in _parts(split))
    assert train.max() < validation.min() <= validation.max() < test.min()


@settings(max_examples=30, deadline=None)
@given(_TIMES)
def test_times_split_alike_as_numbers_dates_and_text(days: list[int]) -> None:
    dates = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"))
    splits = [
        split_time(column).test.tolist() for column in (pd.Series(days), dates, dates.dt.strftime("%Y-%m-%d"))
    ]
    assert splits[0] == splits[1] == splits[2]


def test_different_times_meet_the_fractions_exactly() -> None:
    split = split_time(pd.Series(np.random.default_rng(0).permutation(100)), fractions=_HALF)
    assert [len(part) for part in _parts(split)] == [50, 25, 25]


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1)])
def test_fractions_that_are_none_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="three numbers above 0 with sum 1"):
        split_rows(10, fractions=fractions, seed=0)  # type: ignore[arg-type]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match=r"There are 2 rows, .* Collect more rows"):
        split_rows(2, seed=0)


def test_more_classes_than_training_rows_are_refused() -> None:
    with pytest.raises(DataError, match="5 classes of 'y' cannot all be among 3 training rows"):
        split_rows(5, seed=0, stratify=pd.Series(list("abcde"), name="y"))


def test_a_stratification_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="`stratify` has 2 rows, but there are 5"):
        split_rows(5, seed=0, stratify=pd.Series(["a", "b"]))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "b", "a"], "'g' has 2 groups, .* Use a column with more groups"),
        (["a", None, "b", "c"], "'g' is empty in 1 row. Fill"),
    ],
)
def test_groups_that_cannot_be_split_are_refused(groups: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_groups(pd.Series(groups, name="g"), seed=0)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([2020, 2021, 2020], "'t' has 2 different times"),
        ([2020, 2021, None, 2022], "'t' is empty or infinite in 1 row"),
        ([2020.0, np.inf, 1.0, 2.0], "'t' is empty or infinite in 1 row"),
        (["31.3.2024", "1.4.2024", "2.4.2024"], "'t' cannot be read as times. Write them as 2024-03-31"),
    ],
)
def test_times_that_cannot_be_split_are_refused(times: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_time(pd.Series(times, name="t"))


def test_the_patients_of_the_parkinsons_table_are_kept_apart() -> None:
    root = os.environ.get("POLYTASK_DATA")
    path = Path(root or ".") / "parkinsons_telemonitoring" / "parkinsons_updrs.data"
    if not root or not path.exists():
        pytest.skip("POLYTASK_DATA names no folder with parkinsons_telemonitoring")
    frame = read_delimited(path.read_text(), "parkinsons")
    patients = frame["subject#"].to_numpy()
    split = split_groups(frame["subject#"], seed=0)
    _assert_covers(split, 5875)
    assert sum(len(np.unique(patients[part])) for part in _parts(split)) == 42
    assert abs(len(split.train) / 5875 - 0.6) < 0.03
