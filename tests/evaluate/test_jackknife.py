"""The jackknife against closed forms, and Holm's procedure against a search for what it keeps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from polytask.core import InputError, Interval
from polytask.evaluate.jackknife import (
    adjusted_p_values,
    interval_of_blocks,
    jackknife_interval,
    p_value,
    p_values_of,
    row_blocks,
)


def mean_of(values: np.ndarray):
    return lambda rows: float(values[rows].mean())


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_of_a_mean_it_is_students_interval(confidence: float) -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, 13)
    found = jackknife_interval(mean_of(values), np.arange(13), confidence=confidence)
    low, high = stats.t.interval(confidence, 12, loc=values.mean(), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high, found.n) == (pytest.approx(low), pytest.approx(high), 13)


def test_of_equal_blocks_it_is_students_interval_of_their_means() -> None:
    values, blocks = np.random.default_rng(0).normal(size=60), np.arange(60) % 6
    found = jackknife_interval(mean_of(values), blocks)
    means = [values[blocks == block].mean() for block in range(6)]
    assert found is not None
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 5) * stats.sem(means))


def test_its_p_value_is_that_of_the_t_test() -> None:
    values = np.random.default_rng(1).normal(0.4, 1.0, 20)
    found = jackknife_interval(mean_of(values), np.arange(20))
    assert found is not None
    assert p_value(found) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_rows_that_belong_together_widen_it() -> None:
    """Six groups whose rows are copies are six values, not sixty."""
    groups = np.repeat(np.arange(6), 10)
    values = np.random.default_rng(0).normal(size=6)[groups]
    together = jackknife_interval(mean_of(values), row_blocks(60, groups=groups))
    apart = jackknife_interval(mean_of(values), row_blocks(60))
    assert together is not None and apart is not None
    assert together.half_width > 1.8 * apart.half_width


def test_a_metric_that_is_undefined_without_a_block_leaves_that_block_out() -> None:
    found = interval_of_blocks(1.0, [0.9, math.nan, 1.1, 1.0])
    assert found is not None and found.n == 3
    assert interval_of_blocks(math.nan, [1.0, 2.0]) is None
    alone = interval_of_blocks(1.0, [math.nan, 0.9])
    assert alone is not None and math.isnan(alone.half_width) and alone.n == 1
    one_block = jackknife_interval(lambda _: 3.0, np.zeros(4))
    assert one_block is not None and one_block.mean == 3.0 and math.isnan(one_block.half_width)


def test_the_interval_of_tiny_numbers_is_that_of_others_in_another_unit() -> None:
    values, blocks = np.random.default_rng(0).normal(size=40), np.arange(40) % 8
    usual = jackknife_interval(lambda rows: float(values[rows].mean()), blocks)
    tiny = jackknife_interval(lambda rows: float(1e-297 * values[rows].mean()), blocks)
    assert usual is not None and tiny is not None
    assert tiny.half_width / 1e-297 == pytest.approx(usual.half_width)


def test_nothing_is_known_of_what_does_not_vary() -> None:
    assert math.isnan(p_value(Interval(mean=1.0, half_width=math.nan, n=1)))
    assert p_value(Interval(mean=1.0, half_width=0.0, n=9)) == 1.0


@settings(max_examples=30, deadline=None)
@given(n_rows=st.integers(1, 90), n_groups=st.integers(1, 40), seed=st.integers(0, 99))
def test_blocks_are_at_most_twenty_of_like_size_and_keep_groups(
    n_rows: int, n_groups: int, seed: int
) -> None:
    random = np.bincount(row_blocks(n_rows, seed=seed))
    assert len(random) == min(20, n_rows) and random.max() - random.min() <= 1
    order = np.random.default_rng(seed).permutation(n_rows)
    stretches = row_blocks(n_rows, order=order)[np.argsort(order)]
    assert (np.diff(stretches) >= 0).all() and len(np.unique(stretches)) == min(20, n_rows)
    groups = np.random.default_rng(seed).integers(0, n_groups, n_rows)
    blocks = row_blocks(n_rows, groups=groups, seed=seed)
    assert all(len(np.unique(blocks[groups == group])) == 1 for group in np.unique(groups))
    assert len(np.unique(blocks)) == min(20, len(np.unique(groups)))


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_rejects_what_its_steps_reject(values: list[float]) -> None:
    """Step k of Holm's procedure: the k-th smallest value is compared with level / (m - k + 1)."""
    names = [f"t{index}" for index in range(len(values))]
    adjusted = adjusted_p_values(dict(zip(names, values)))
    for level in (0.01, 0.05, 0.3, 0.9):
        rejected = set()
        for step, name in enumerate(sorted(names, key=lambda name: values[names.index(name)])):
            if values[names.index(name)] * (len(names) - step) > level:
                break
            rejected.add(name)
        assert {name for name in names if adjusted[name] <= level} == rejected


def test_gains_that_are_not_known_have_no_p_value_and_count_for_nothing() -> None:
    gain = Interval(mean=2.0, half_width=2.0, n=20)
    found = p_values_of({("x", 1): gain, ("x", 2): None, ("y", 1): gain})
    assert found["x", 2] is None
    assert found["x", 1] == found["y", 1] == pytest.approx(0.1, abs=1e-3)


def test_unknown_values_stay_unknown_and_count_for_nothing() -> None:
    adjusted = adjusted_p_values({"a": 0.02, "b": math.nan, "c": 0.04})
    assert (adjusted["a"], adjusted["c"]) == (0.04, 0.04) and math.isnan(adjusted["b"])
    with pytest.raises(InputError, match="between 0 and 1"):
        adjusted_p_values({"a": 1.5})


def test_holm_takes_what_is_certain_either_way_and_no_more() -> None:
    assert adjusted_p_values({"a": 0.0, "b": 1.0}) == {"a": 0.0, "b": 1.0}
    assert adjusted_p_values({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    for wrong in (-0.01, 1.01):
        with pytest.raises(InputError, match="p-values lie between 0 and 1"):
            adjusted_p_values({"a": 0.5, "b": wrong})


def test_the_p_value_grows_with_the_half_width_and_knows_the_number_of_blocks() -> None:
    narrow, wide = (p_value(Interval(mean=1.0, half_width=half, n=9)) for half in (0.5, 2.0))
    assert narrow < 0.05 < wide
    negative = p_value(Interval(mean=-1.0, half_width=0.5, n=9))
    assert negative == pytest.approx(narrow)
    edge = p_value(Interval(mean=1.0, half_width=1.0, n=9, confidence=0.9))
    assert edge == pytest.approx(0.1)
