"""Verdicts: what intervals of gains say in a word."""

import pytest

from polytask.core import InputError, Task
from polytask.relate.verdict import verdicts

TASK = Task(name="y", kind="regression", metrics=("rmse",))


def runs(*errors: float) -> list[dict[str, dict[str, float]]]:
    return [{"y": {"rmse": error}} for error in errors]


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        ((0.80, 0.81, 0.79), "helped"),
        ((1.20, 1.21, 1.19), "hurt"),
        ((1.000, 1.001, 0.999), "indifferent"),
        ((0.9955, 0.9956, 0.9954), "indifferent"),
        ((1.0045, 1.0044, 1.0046), "indifferent"),
        ((0.8, 1.0, 1.2), "unclear"),
        ((0.8,), "unknown"),
        ((0.75, 0.75), "unclear"),  # a tie has no width, and tells nothing of it
    ],
)
def test_the_interval_of_the_gain_decides(errors, outcome):
    (found,) = verdicts([TASK], runs(*errors), runs(*[1.0] * len(errors)))
    assert found.outcome == outcome


def test_a_lower_error_is_a_gain_in_percent_of_the_separate_model():
    (found,) = verdicts([TASK], runs(0.9, 1.8), runs(1.0, 2.0))
    assert found.gain.mean == pytest.approx(10)


def test_overlapping_splits_make_the_interval_wider():
    joint, alone = runs(0.9, 0.95, 0.97), runs(1.0, 1.0, 1.0)
    (plain,), (careful,) = (
        verdicts([TASK], joint, alone),
        verdicts([TASK], joint, alone, test_over_train=0.25),
    )
    assert careful.gain.half_width > plain.gain.half_width


@pytest.mark.parametrize(
    ("joint", "alone", "smallest", "message"),
    [
        ([], [], 1.0, "there must be one; got 0 and 0"),
        (runs(1.0), runs(1.0, 2.0), 1.0, "must pair"),
        ([{}], runs(1.0), 1.0, "no metrics of y"),
        (runs(1.0), runs(1.0), -1.0, "`smallest` must not be negative"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(joint, alone, smallest, message):
    with pytest.raises(InputError, match=message):
        verdicts([TASK], joint, alone, smallest=smallest)
