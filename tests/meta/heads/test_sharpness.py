"""How sure scores are."""

import numpy as np
import pytest

from polytask.meta.heads.sharpness import best_sharpness, expected_calibration_error, log_losses


def drawn(n_rows: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores, and labels with the probabilities that these have times a factor."""
    draws = np.random.default_rng(0)
    scores = draws.standard_normal((n_rows, 3))
    labels = (factor * scores + draws.gumbel(size=scores.shape)).argmax(1)
    return scores, labels


def test_the_factor_of_the_draw_is_found_again() -> None:
    scores, labels = drawn(4000, 3.0)
    assert best_sharpness(scores, labels, usual=10.0) == pytest.approx(3.0, rel=0.1)


def test_without_rows_it_is_the_usual_one_and_with_few_it_stays_near() -> None:
    scores, labels = drawn(4000, 3.0)
    assert best_sharpness(scores[:0], labels[:0], usual=10.0) == 10.0
    all_right = np.eye(3)
    assert 10.0 < best_sharpness(all_right, np.arange(3), usual=10.0) < 30.0


def test_true_probabilities_are_calibrated_and_others_are_not() -> None:
    scores, labels = drawn(4000, 3.0)
    assert expected_calibration_error(scores, labels, 3.0) < 0.03
    assert expected_calibration_error(scores, labels, 30.0) > 0.1


def test_log_losses_are_those_of_the_softmax() -> None:
    assert log_losses(np.zeros((2, 4)), np.array([0, 3])) == pytest.approx([np.log(4)] * 2)
