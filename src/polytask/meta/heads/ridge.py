"""Ridge regression of classes on features."""

import numpy as np

from polytask.meta.heads.linear_head import LinearHead

__all__ = ["ridge"]


def ridge(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> LinearHead:
    r"""Regress the indicator of each class on the features.

    .. math:: W = (X^\top X + \lambda I)^{-1} X^\top (Y - 1/C)

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0.
        n_classes: C.
        strength: :math:`\lambda`, above 0.

    References:
        Luca Bertinetto, João Henriques, Philip Torr, Andrea Vedaldi, "Meta-learning with Differentiable
        Closed-form Solvers", ICLR 2019, arXiv:1805.08136, equation 4. Deviation: indicators are centred.
    """
    indicators = np.eye(n_classes)[labels] - 1 / n_classes  # [row, class]
    rows, size = features.shape
    if rows < size:  # the same by the inner products of rows
        inner = features @ features.T + strength * np.eye(rows)
        weight = np.linalg.solve(inner, indicators).T @ features
    else:
        inner = features.T @ features + strength * np.eye(size)
        weight = np.linalg.solve(inner, features.T @ indicators).T
    return LinearHead(weight=weight, bias=np.zeros(n_classes))
