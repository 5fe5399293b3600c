"""A linear support vector machine on features, one class against the others."""

import numpy as np

from polytask.core.quiet import filtered_warnings
from polytask.meta.heads.linear_head import LinearHead

__all__ = ["support_vectors"]

_FEW_ROWS = 100  # up to which Newton's method is faster than the import of scikit-learn
_STEPS, _HALVINGS = 100, 30
_NEAR = 1e-10  # a loss that falls by less than this part has arrived


def support_vectors(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> LinearHead:
    r"""Fit a linear support vector machine of every class against the others, with a squared hinge loss.

    .. math::
        \min_{w, b} \; C \sum_i \max\bigl(0, 1 - y_i (w^\top x_i + b)\bigr)^2 + \tfrac12 (w^\top w + b^2)

    The minimum is the only one. Of up to 100 rows Newton's method finds it; of more, LIBLINEAR.

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0.
        n_classes: Classes; one without a row never wins.
        strength: C, the weight of the loss.

    References:
        Rong-En Fan, Kai-Wei Chang, Cho-Jui Hsieh, Xiang-Rui Wang, Chih-Jen Lin, "LIBLINEAR: a Library for
        Large Linear Classification", JMLR 9, 2008. Newton's method: S. Sathiya Keerthi, Dennis DeCoste, "A
        Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs", JMLR 6, 2005. Deviation:
        steps are halved until the loss falls, where they search along the line.
    """
    weight, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -1e6)
    present = np.unique(labels)
    if len(features) > _FEW_ROWS:
        weight[present], bias[present] = _by_liblinear(features, labels, strength)
        return LinearHead(weight=weight, bias=bias)
    rows = np.hstack([features, np.ones((len(features), 1))])
    for label in present:
        found = _by_newton(rows, np.where(labels == label, 1.0, -1.0), strength)
        weight[label], bias[label] = found[:-1], found[-1]
    return LinearHead(weight=weight, bias=bias)


def _by_newton(rows: np.ndarray, signs: np.ndarray, strength: float) -> np.ndarray:
    """Return the weights, the bias last, for rows ``[row, feature + 1]`` and -1 or 1 for each."""

    def loss(weights: np.ndarray) -> float:
        short = np.maximum(0, 1 - signs * (rows @ weights))
        return strength * float(short @ short) + 0.5 * float(weights @ weights)

    weights = np.zeros(rows.shape[1])
    lowest = loss(weights)
    for _ in range(_STEPS):
        short = signs * (rows @ weights) < 1
        active = rows[short]
        curvature = 2 * strength * active.T @ active + np.eye(len(weights))
        step = np.linalg.solve(curvature, 2 * strength * active.T @ signs[short]) - weights
        for _ in range(_HALVINGS):
            reached = loss(weights + step)
            if reached < lowest:
                break
            step = step / 2
        else:
            return weights
        weights, before, lowest = weights + step, lowest, reached
        if before - lowest < _NEAR * before:
            return weights
    return weights


def _by_liblinear(features: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights ``[class, feature]`` and biases of the classes that have rows, two or more."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC  # it takes a second to import

    with filtered_warnings(ConvergenceWarning):  # it is judged on held-out rows as it is
        solved = LinearSVC(C=strength, random_state=0).fit(features, labels)
    weight, bias = np.asarray(solved.coef_), np.asarray(solved.intercept_)
    if len(solved.classes_) > 2:
        return weight, bias
    both = np.array([-1.0, 1.0])  # there is one function, of the second class over the first
    return both[:, None] * weight, both * bias
