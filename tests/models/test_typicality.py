"""What is typical, and which classes belong to a set."""

import numpy as np
import pytest

from polytask.models.typicality import confidence, conformal_level, kept_references, typicality


def test_of_known_examples_no_more_are_refused_than_asked() -> None:
    draws = np.random.default_rng(0)
    refused = [
        (typicality(draws.standard_normal(50), np.sort(draws.standard_normal(99))) <= 0.1).mean()
        for _ in range(400)
    ]
    assert np.mean(refused) == pytest.approx(0.1, abs=0.01)


def test_without_references_everything_is_typical() -> None:
    assert typicality(np.array([-9.0, 9.0]), np.zeros(0)).tolist() == [1.0, 1.0]


def test_sets_hold_the_right_class_as_often_as_asked() -> None:
    draws = np.random.default_rng(0)
    covered = [(draws.random(50) <= conformal_level(draws.random(99), 0.9)).mean() for _ in range(400)]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)
    assert conformal_level(np.array([0.1, 0.2]), 0.9) == 1.0


def test_confidence_grows_to_the_largest_score() -> None:
    scores = np.array([[1.0, 3.0], [0.0, 0.0]])
    assert confidence(scores, 1e6) == pytest.approx([3.0, 0.0], abs=1e-5)
    assert confidence(scores, 1.0)[1] == pytest.approx(np.log(2))


def test_many_references_are_thinned_evenly() -> None:
    kept = kept_references(np.arange(10_001.0)[::-1])
    assert (len(kept), float(kept[0]), float(kept[-1])) == (2000, 0.0, 10_000.0)
    assert float(kept.diff().max()) <= 6
