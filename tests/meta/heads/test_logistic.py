"""Logistic regression against another implementation."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from polytask.meta.heads.logistic import logistic


def test_it_gives_the_probabilities_of_scikit_learn() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 6)
    rows = draws.standard_normal((18, 4)) + labels[:, None]
    head = logistic(rows, labels, 3, 2.0)
    other = LogisticRegression(C=2.0, max_iter=2000, tol=1e-9).fit(rows, labels)
    assert softmax(head.scores(rows), axis=1) == pytest.approx(other.predict_proba(rows), abs=2e-3)
