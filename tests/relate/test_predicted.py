"""Predicted gains and their agreement with measured ones."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from polytask.core import InputError
from polytask.relate.affinity import Affinity
from polytask.relate.predicted import predicted_gains, rank_agreement


def affinity(received: list[float]) -> Affinity:
    """Affinities of which every task receives the same from all others."""
    n = len(received)
    matrix = torch.tensor([received] * n, dtype=torch.float64).fill_diagonal_(9.0)
    names = tuple(f"t{index}" for index in range(n))
    return Affinity(names=names, matrix=matrix, n_seen=torch.ones(n, n, dtype=torch.long))


def measured(values: list[float]) -> dict[str, float]:
    return {f"t{index}": value for index, value in enumerate(values)}


def test_tasks_come_from_the_least_predicted_gain_to_the_most_and_unknown_ones_last():
    found = predicted_gains(affinity([0.5, math.nan, -1.0]))
    assert list(found) == ["t2", "t0", "t1"]
    assert found["t2"] == -1.0


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(3, 5))
def test_the_p_value_is_the_share_of_orders_that_agree_at_least_as_well(seed, n):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, 4, n).astype(float), rng.normal(size=n)
    left[0] = 9.0  # never all equal
    found = rank_agreement(affinity(left.tolist()), measured(right.tolist()))
    ranks = stats.rankdata(left), stats.rankdata(right)
    by_order = [np.corrcoef(ranks[0], order)[0, 1] for order in itertools.permutations(ranks[1])]
    here = np.corrcoef(*ranks)[0, 1]
    assert found.correlation == pytest.approx(here)
    assert found.p_value == pytest.approx(np.mean(np.array(by_order) >= here - 1e-9))


def test_many_tasks_in_the_same_order_agree_as_well_as_draws_can_tell():
    found = rank_agreement(affinity(list(range(12))), measured(list(range(12))), n_permutations=999)
    assert found.correlation == pytest.approx(1)
    assert found.p_value == pytest.approx(1 / 1000)


def test_drawn_orders_agree_with_the_t_approximation():
    values = np.random.default_rng(0).normal(size=(2, 30))
    values[1] += 0.3 * values[0]
    left, right = values.tolist()
    expected = stats.spearmanr(left, right, alternative="greater").pvalue
    found = rank_agreement(affinity(left), measured(right))
    assert found.p_value == pytest.approx(expected, abs=0.02)


def test_the_opposite_order_is_no_evidence():
    found = rank_agreement(affinity([0.0, 1.0, 2.0, 3.0]), measured([3.0, 2.0, 1.0, 0.0]))
    assert (found.correlation, found.p_value) == pytest.approx((-1, 1))


def test_tasks_with_an_unknown_side_are_left_out():
    gains = measured([0.0, 1.0, 2.0, math.nan])
    found = rank_agreement(affinity([0.0, 1.0, 2.0, 3.0, 4.0]), gains)
    assert (found.n_tasks, found.left_out) == (3, ("t3", "t4"))


@pytest.mark.parametrize(
    ("received", "gains", "message"),
    [
        ([0.0, 1.0], [0.0, 1.0], "from 3 tasks on, but 2"),
        ([1.0, 1.0, 1.0], [0.0, 1.0, 2.0], "The predicted gains of all tasks are equal"),
        ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], "The measured gains of all tasks are equal"),
        ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], "There is no task t3"),
    ],
)
def test_what_cannot_be_compared_is_refused(received, gains, message):
    with pytest.raises(InputError, match=message):
        rank_agreement(affinity(received), measured(gains))


def test_fewer_than_one_permutation_is_refused():
    with pytest.raises(InputError, match="`n_permutations` must be at least 1"):
        rank_agreement(affinity([0.0, 1.0, 2.0]), measured([0.0, 1.0, 2.0]), n_permutations=0)
