"""Nearest class means against their definition."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from polytask.meta.heads.class_means import class_means


def test_strength_one_is_the_euclidean_distance_to_the_mean() -> None:
    draws = np.random.default_rng(0)
    rows, labels = draws.standard_normal((9, 4)), np.repeat([0, 1, 2], 3)
    means = np.stack([rows[labels == index].mean(0) for index in range(3)])
    queries = draws.standard_normal((20, 4))
    distances = ((queries[:, None] - means) ** 2).sum(-1)
    scores = class_means(rows, labels, 3, 1.0).scores(queries)
    assert scores - scores[:, :1] == pytest.approx(-0.5 * (distances - distances[:, :1]))


def test_little_shrinkage_is_linear_discriminant_analysis() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    rows = draws.standard_normal((80, 3)) @ draws.standard_normal((3, 3)) + labels[:, None]
    head = class_means(rows, labels, 2, 1e-9)
    other = LinearDiscriminantAnalysis(solver="lsqr").fit(rows, labels)
    direction = head.weight[1] - head.weight[0]
    assert direction / np.linalg.norm(direction) == pytest.approx(
        other.coef_[0] / np.linalg.norm(other.coef_[0]), abs=1e-6
    )


def test_a_class_without_a_row_never_wins() -> None:
    head = class_means(np.eye(2), np.array([0, 2]), 3, 1.0)
    assert (
        head.scores(100 * np.random.default_rng(0).standard_normal((50, 2))).argmax(1).tolist().count(1) == 0
    )
