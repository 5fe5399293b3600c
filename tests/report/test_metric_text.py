"""Figures as reports write them."""

import pytest

from polytask.core import Interval
from polytask.report import metric_text


def interval(mean: float, half_width: float) -> Interval:
    return Interval(mean=mean, half_width=half_width, n=9, confidence=0.95)


@pytest.mark.parametrize(
    ("mean", "text"),
    [(0.1, "0.100 ± 0.050"), (0.0999, "0.09990 ± 0.05000"), (1.0, "1.00 ± 0.05"), (123.4, "123 ± 0")],
)
def test_figures_have_the_digits_of_their_size(mean, text):
    assert metric_text.interval_text(interval(mean, 0.05), "rmse") == text


def test_gains_have_one_digit_and_a_dash_where_they_are_unknown():
    assert metric_text.gain_text(interval(1.26, 0.34)) == "1.3 ± 0.3"
    assert metric_text.gain_text(None) == "–"
