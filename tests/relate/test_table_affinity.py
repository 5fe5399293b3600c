"""Affinities between the tasks of a table, and the gains that they become."""

import math

import pytest

from polytask.core import Interval
from polytask.relate.table_affinity import _shrunk, usual_affinity

PAIRS = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")]


def _measured(means: list[float], half_width: float) -> dict[tuple[str, str], Interval | None]:
    return {
        pair: Interval(mean=mean, half_width=half_width, n=20)
        for pair, mean in zip(PAIRS, means, strict=True)
    }


def test_gains_that_noise_explains_become_their_mean() -> None:
    found = _shrunk(_measured([1.0, -1.0, 2.0, 0.0], half_width=50.0))
    assert set(found.values()) == {0.5}


def test_gains_without_noise_stay_as_they_are() -> None:
    means = [10.0, -10.0, 4.0, -4.0]
    found = _shrunk(_measured(means, half_width=1e-6))
    assert [found[pair] for pair in PAIRS] == pytest.approx(means, rel=1e-6)


def test_a_gain_without_an_error_becomes_the_mean_of_those_with_one() -> None:
    measured = _measured([10.0, -10.0, 4.0, 100.0], half_width=0.1)
    measured["c", "a"] = Interval(mean=100.0, half_width=math.nan, n=1)
    measured["a", "c"] = None
    found = _shrunk(measured)
    assert found["c", "a"] == pytest.approx(0.0, abs=1e-9) and ("a", "c") not in found


def test_where_no_gain_has_an_error_they_are_taken_as_they_are() -> None:
    found = _shrunk({("a", "b"): Interval(mean=3.0, half_width=math.nan, n=1), ("b", "a"): None})
    assert found == {("a", "b"): 3.0}


def test_transfer_is_measured_for_few_tasks_and_functions_are_compared_for_many() -> None:
    assert usual_affinity(12) == "transfer" and usual_affinity(13) == "functions"
