"""The table of affinities: reading it, and predicting groups from it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import InputError
from polytask.relate.affinity import Affinity, group_gain
from polytask.relate.group_value import GroupValue
from polytask.relate.grouping import group_tasks
from polytask.relate.pair_means import PairMeans
from polytask.relate.similarity import similarity_gains


def affinity(matrix: list[list[float]], overlap: list[list[float]] | None = None) -> Affinity:
    n = len(matrix)
    return Affinity(
        names=tuple("abcdefgh"[:n]),
        matrix=torch.tensor(matrix, dtype=torch.float64),
        n_seen=torch.ones(n, n, dtype=torch.long),
        overlap=None if overlap is None else torch.tensor(overlap),
    )


def test_the_row_gives_and_the_column_receives():
    found = affinity([[1.0, 2.0], [3.0, 4.0]])
    assert found("a", "b") == found.to_frame().loc["a", "b"] == 2.0


def test_an_unknown_pair_is_written_as_a_dash():
    assert affinity([[1.0, math.nan], [0.0, 1.0]]).format(1).splitlines()[1].split() == ["a", "1.0", "–"]


def test_a_scale_multiplies_what_is_written():
    assert affinity([[0.012]]).format(1, scale=100).splitlines()[1].split() == ["a", "1.2"]


def test_columns_are_as_wide_as_their_widest_entry():
    lines = affinity([[1.0, -1000.0], [0.5, 1.0]]).format().splitlines()
    assert len({len(line) for line in lines}) == 1


def test_pairs_with_few_common_rows_are_named_at_the_end():
    found = affinity([[1.0, 0.5], [0.5, 1.0]], overlap=[[1.0, 0.1], [0.1, 1.0]])
    assert found.format().splitlines()[-1] == "Less than 30 % common rows: a and b."


@pytest.mark.parametrize(
    ("share", "named"), [(0.29, (("a", "b"),)), (0.3, ()), (math.nan, (("a", "b"),))], ids=str
)
def test_the_overlap_decides_which_pairs_are_doubtful(share, named):
    assert affinity([[1.0, 0.5], [0.5, 1.0]], overlap=[[1.0, share], [share, 1.0]]).little_overlap() == named


def test_an_overlap_that_is_just_enough_is_not_doubtful():
    found = affinity([[1.0, 0.5], [0.5, 1.0]], overlap=[[1.0, 0.25], [0.25, 1.0]])
    assert found.little_overlap(below=0.25) == ()


def test_an_overlap_that_was_not_counted_makes_nothing_doubtful():
    assert affinity([[1.0, 0.5], [0.5, 1.0]]).little_overlap() == ()


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(2, 5))
def test_the_gain_in_a_group_is_what_grouping_predicts(seed, n):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    names = "abcdefgh"[: n - 1]
    found = group_gain(affinity(matrix.tolist()), names)
    value = GroupValue(matrix, lambda _: 1.0)
    group = frozenset(range(n - 1))
    expected = [value.of_task(task, group) if n > 2 else 0.0 for task in range(n - 1)]
    assert list(found.values()) == pytest.approx(expected)


def test_a_pair_never_seen_is_left_out_of_the_gain():
    found = group_gain(affinity([[1.0, 0.5, 0.0], [math.nan, 1.0, 0.0], [0.25, math.nan, 1.0]]), "abc")
    assert found == {"a": 0.25, "b": 0.5, "c": 0.0}


def test_a_task_never_seen_with_another_has_an_unknown_gain():
    assert math.isnan(group_gain(affinity([[1.0, 0.0], [math.nan, 1.0]]), "ab")["a"])


def test_affinities_group_tasks():
    found = affinity([[1.0, 0.8, -0.5], [0.8, 1.0, -0.5], [-0.5, -0.5, 1.0]])
    grouping = group_tasks(similarity_gains(found.matrix, neutral=0), found.names, budget=2)
    assert grouping.groups == (("a", "b"), ("c",))


@pytest.mark.parametrize("group", [[], ["a", "a"]], ids=str)
def test_a_group_of_no_or_repeated_tasks_is_refused(group):
    with pytest.raises(InputError, match="`group` needs different tasks"):
        group_gain(affinity([[1.0]]), group)


def test_an_unknown_task_is_refused():
    with pytest.raises(InputError, match="There is no task z; there are a, b"):
        affinity([[1.0, 0.0], [0.0, 1.0]])("a", "z")


def test_tables_that_do_not_fit_the_names_are_refused_together():
    with pytest.raises(InputError, match=r"`matrix` has shape \(3, 3\), not \(2, 2\).*`names` repeats"):
        Affinity(names=("a", "a"), matrix=torch.eye(3), n_seen=torch.ones(2, 2))


@settings(deadline=None)
@given(st.integers(0, 500))
def test_means_over_steps_are_those_of_numpy_whatever_is_missing(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(6, 3, 3))
    values[rng.random(values.shape) < 0.3] = math.nan
    means = PairMeans(["a", "b", "c"])
    for each in values:
        order = rng.permutation(3)
        means.add([("a", "b", "c")[index] for index in order], torch.from_numpy(each[np.ix_(order, order)]))
    n_seen = (~np.isnan(values)).sum(0)
    expected = np.where(n_seen > 0, np.nansum(values, 0) / np.maximum(n_seen, 1), math.nan)
    np.testing.assert_allclose(means.affinity().matrix.numpy(), expected)
    np.testing.assert_array_equal(means.affinity().n_seen.numpy(), n_seen)
