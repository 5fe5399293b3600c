"""A linear support vector machine on features, one class against the others."""

import warnings

import numpy as np

from polytask.meta.heads.linear_head import LinearHead

__all__ = ["support_vectors"]


def support_vectors(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> LinearHead:
    """Fit a linear support vector machine of every class against the others, with a squared hinge loss.

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0.
        n_classes: Classes; one without a row never wins.
        strength: C, the weight of the loss.

    References:
        Rong-En Fan, Kai-Wei Chang, Cho-Jui Hsieh, Xiang-Rui Wang, Chih-Jen Lin, "LIBLINEAR: a Library for
        Large Linear Classification", JMLR 9, 2008.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC  # it takes a while to import, and few need it

    weight, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -1e6)
    present = np.unique(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is judged on held-out rows as it is
        solved = LinearSVC(C=strength, random_state=0).fit(features, labels)
    if len(present) == 2:  # one function, of the second class over the first
        weight[present], bias[present] = (
            [-solved.coef_[0], solved.coef_[0]],
            np.array([-1, 1]) * solved.intercept_,
        )
    else:
        weight[present], bias[present] = solved.coef_, solved.intercept_
    return LinearHead(weight=weight, bias=bias)
