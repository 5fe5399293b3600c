"""Multinomial logistic regression on features."""

import numpy as np

from polytask.meta.heads.linear_head import LinearHead
from polytask.meta.heads.softmax import log_sum_exp

__all__ = ["logistic"]

_STEPS = 200


def logistic(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> LinearHead:
    r"""Fit a logistic regression with a penalty on its weights, by L-BFGS.

    .. math::
        \min_{W, b} \; \gamma \sum_i \Bigl(\log \sum_c e^{w_c^\top x_i + b_c}
        - w_{y_i}^\top x_i - b_{y_i}\Bigr) + \tfrac12 \lVert W \rVert^2

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0.
        n_classes: Classes; one without a row never wins.
        strength: :math:`\gamma`: the larger, the closer to the labels.

    References:
        Yonglong Tian, Yue Wang, Dilip Krishnan, Joshua Tenenbaum, Phillip Isola, "Rethinking Few-Shot Image
        Classification: a Good Embedding Is All You Need?", ECCV 2020, arXiv:2003.11539.
    """
    from scipy.optimize import minimize  # a predictor that is loaded has no need of it

    rows, size = features.shape
    indicators = np.eye(n_classes)[labels]  # [row, class]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(size + 1, n_classes)
        scores = features @ table[:-1] + table[-1]  # [row, class]
        norms = log_sum_exp(scores)
        surplus = np.exp(scores - norms) - indicators
        value = strength * (norms.sum() - (scores * indicators).sum()) + 0.5 * np.square(table[:-1]).sum()
        slope = np.empty_like(table)
        slope[:-1] = strength * (features.T @ surplus) + table[:-1]
        slope[-1] = strength * surplus.sum(0)
        return float(value), slope.ravel()

    start = np.zeros((size + 1) * n_classes)
    solved = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "ftol": 1e-9, "gtol": 1e-5 * rows},
    )
    table = solved.x.reshape(size + 1, n_classes)
    bias = table[-1].copy()
    bias[np.bincount(labels, minlength=n_classes) == 0] = -1e6
    return LinearHead(weight=table[:-1].T, bias=bias)
