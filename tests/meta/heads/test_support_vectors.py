"""Support vectors with two classes and more."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from polytask.meta.heads.support_vectors import support_vectors


def test_two_classes_of_three_get_opposite_functions_and_the_third_never_wins() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 2], 10)
    rows = draws.standard_normal((20, 3)) + 2 * labels[:, None]
    head = support_vectors(rows, labels, 3, 1.0)
    assert np.array_equal(head.weight[0], -head.weight[2])
    assert (head.scores(rows).argmax(1) == labels).mean() > 0.9
    assert not (head.scores(50 * draws.standard_normal((50, 3))).argmax(1) == 1).any()


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_classes"), [(12, 9, 4), (60, 80, 7), (100, 3, 3), (120, 4, 3)]
)
def test_weights_are_those_of_liblinear_solved_far(
    n_rows: int, n_features: int, n_classes: int, strength: float
) -> None:
    draws = np.random.default_rng(n_rows)
    labels = np.arange(n_rows) % n_classes
    rows = draws.standard_normal((n_rows, n_features)) + 0.5 * labels[:, None]
    head = support_vectors(rows, labels, n_classes, strength)
    solved = LinearSVC(C=strength, tol=1e-9, max_iter=1_000_000).fit(rows, labels)
    scale = np.abs(solved.coef_).max()
    assert np.abs(head.weight - solved.coef_).max() < 5e-3 * scale
    assert np.abs(head.bias - solved.intercept_).max() < 5e-3 * max(scale, np.abs(solved.intercept_).max())


def test_rows_that_are_told_apart_by_far_and_rows_that_are_alike_are_solved() -> None:
    rows = np.array([[100.0, 0.0], [100.0, 0.0], [-100.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    labels = np.array([0, 0, 1, 2, 2])
    head = support_vectors(rows, labels, 3, 10.0)
    assert np.isfinite(head.weight).all() and (head.scores(rows).argmax(1)[:3] == labels[:3]).all()
