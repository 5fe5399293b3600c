"""The radius of intervals, against order statistics and what theory says of new scores."""

import math
from typing import Any

import numpy as np
import pytest

from polytask.core.random import numpy_generator
from polytask.models.score_distribution import ScoreDistribution

LEVELS = (0.5, 0.8, 0.9, 0.95)


def of(scores: Any, units: Any = None) -> ScoreDistribution:
    found = ScoreDistribution.of(np.asarray(scores, dtype=np.float64), units)
    assert found is not None
    return found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [20, 39, 100])
def test_the_radius_is_the_papers_order_statistic(n: int, level: float) -> None:
    scores = numpy_generator(1).random(n)
    assert of(scores).radius(level) == np.sort(scores)[math.ceil(level * (n + 1) - 1e-9) - 1]


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_new_scores_lie_within_as_often_as_theory_says(level: float) -> None:
    draw, n = numpy_generator(2), 30
    covered = [draw.exponential(size=200) <= of(draw.exponential(size=n)).radius(level) for _ in range(2000)]
    exact = math.ceil(level * (n + 1)) / (n + 1)
    assert abs(np.mean(covered) - exact) < 0.006  # 4 standard errors of 2,000 beta variables


def test_a_row_of_a_new_group_lies_within_as_often_as_asked() -> None:
    """Groups have an effect of their own, and large groups another spread: rows alike would cover too few."""
    draw, by_group, by_row = numpy_generator(3), [], []

    def group() -> np.ndarray:
        size = int(draw.choice([1, 40]))
        return np.abs(draw.normal() * (3 if size == 1 else 1) + 0.3 * draw.normal(size=size))

    for _ in range(1000):
        seen = [group() for _ in range(25)]
        units = np.repeat(np.arange(25), [len(one) for one in seen])
        new = group()[0]
        by_group.append(new <= of(np.concatenate(seen), units).radius(0.9))
        by_row.append(new <= of(np.concatenate(seen)).radius(0.9))
    assert 0.89 < np.mean(by_group) < 0.96
    assert np.mean(by_row) < 0.87


def test_many_scores_are_kept_in_part_and_rounded_up() -> None:
    scores = numpy_generator(4).random(30_000)
    few = of(scores)
    assert len(few.scores) <= 4096
    for level in LEVELS:
        exact = np.sort(scores)[math.ceil(level * 30_001) - 1]
        assert exact <= few.radius(level) < exact + 1e-3
