"""Heads of few labels: closed forms against fits that really leave rows out."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from polytask.core import Task
from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.few_label_heads import fit_head

NUMBER = Task(name="y", kind="regression")


def _rows(n_rows: int = 24, n_features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(n_rows, n_features)) * np.array([1.0, 10.0, 0.1]) + 5
    return features, features @ np.array([1.0, 0.1, 3.0]) + draw.normal(size=n_rows)


def test_a_ridge_head_predicts_each_row_as_one_that_never_saw_it() -> None:
    features, labels = _rows()
    head = fit_head(NUMBER, features, labels, (), strength=2.0)
    scaled = (features - features.mean(0)) / np.sqrt(features.var(0).mean())
    whole = Ridge(alpha=2.0).fit(scaled, labels)
    np.testing.assert_allclose(features @ head.weight[:, 0] + head.bias, whole.predict(scaled), rtol=1e-8)
    for row in range(len(labels)):
        others = np.arange(len(labels)) != row
        left = Ridge(alpha=2.0).fit(scaled[others] - scaled[others].mean(0), labels[others])
        predicted = left.predict((scaled[row] - scaled[others].mean(0))[None])[0]
        assert head.held_out[row, 0] == pytest.approx(predicted, abs=1e-8)


def test_noise_gets_a_strong_penalty_and_a_clear_line_a_weak_one() -> None:
    features, labels = _rows(40)
    noise = np.random.default_rng(1).normal(size=40)
    assert (
        fit_head(NUMBER, features, noise, ()).strength > 100 * fit_head(NUMBER, features, labels, ()).strength
    )


def test_classes_are_those_of_a_logistic_regression_of_each_fold() -> None:
    features, labels = _rows()
    codes = (labels > np.median(labels)).astype(int)
    folds = folds_of_rows(len(codes), n_folds=4, seed=0)
    head = fit_head(Task(name="c", kind="binary"), features, codes, folds, strength=0.5)
    scaled = (features - features.mean(0)) / np.sqrt(features.var(0).mean())
    for fold in folds:
        solved = LogisticRegression(C=0.5, max_iter=300).fit(scaled[fold.train], codes[fold.train])
        expected = solved.decision_function(scaled[fold.held_out])
        np.testing.assert_allclose(head.held_out[fold.held_out, 0], expected, atol=1e-6)


def test_a_feature_that_is_nearly_still_in_few_rows_is_not_blown_up() -> None:
    features, labels = _rows(8)
    features[:, 2] = 1e-6 * np.random.default_rng(1).normal(size=8)
    head = fit_head(NUMBER, features, labels, ())
    elsewhere = np.array([[5.0, 5.0, 1.0]])
    assert abs((elsewhere @ head.weight + head.bias).item()) < 10 * np.abs(labels).max()


def test_a_class_that_training_lacks_is_unlikely_and_does_no_harm() -> None:
    features, _ = _rows(6)
    task = Task(name="c", kind="multiclass", n_outputs=3)
    head = fit_head(task, features, np.array([0, 0, 1, 1, 0, 1]), folds_of_rows(6, n_folds=3, seed=0))
    answers = features @ head.weight + head.bias
    assert np.isfinite(answers).all()
    assert (answers.argmax(1) != 2).all()
    one = fit_head(task, features, np.full(6, 1), folds_of_rows(6, n_folds=3, seed=0))
    assert ((features @ one.weight + one.bias).argmax(1) == 1).all()
