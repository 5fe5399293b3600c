"""Intervals over splits in benchmarks have the rule of `fit` and `compare`."""

import math

import pytest
from benchmarks.quality.overlaps import overlap

from polytask.compare.court import resampled
from polytask.core import Interval, mean_interval


def test_rows_that_validate_count_as_neither() -> None:
    assert overlap(1601, 5604) == pytest.approx(1601 / 5604)
    with pytest.raises(ValueError, match="must train on something"):
        overlap(3, 0)


def test_the_rule_is_that_of_a_comparison() -> None:
    """Of five folds a comparison widens by what splits of the same sizes do."""
    ratio = overlap(20, 60)
    plain, wide = (mean_interval([1.0, 2.0, 4.0, 3.0, 5.0], test_over_train=r) for r in (0.0, ratio))
    one = Interval(mean=2.0, half_width=1.0, n=20)
    widened = resampled([one], n_folds=5, test_over_train=ratio).half_width
    assert wide.half_width / plain.half_width == pytest.approx(widened) == pytest.approx(math.sqrt(1 + 5 / 3))
