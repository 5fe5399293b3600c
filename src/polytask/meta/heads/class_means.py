"""Nearest class mean, under the covariance that all classes have in common."""

import numpy as np

from polytask.meta.heads.linear_head import LinearHead

__all__ = ["class_means", "means_of", "shrunk_weights"]

_ROUNDING = 1e-12  # of all that the rows hold, below which a scatter is none


def class_means(features: np.ndarray, labels: np.ndarray, n_classes: int, strength: float) -> LinearHead:
    r"""Score a class by the distance to its mean.

    .. math::
        s_c(x) = \mu_c^\top P x - \tfrac12 \mu_c^\top P \mu_c, \qquad
        P = t \left((1 - \alpha) S + \alpha t I\right)^{-1}

    :math:`S` is the covariance within classes, :math:`t` the mean of its diagonal, and :math:`\alpha` the
    ``strength``. With 1, or with one example a class, :math:`P = I`: the Euclidean distance of prototypes.
    Otherwise it is a linear discriminant analysis with a shrunk covariance.

    Args:
        features: float64 ``[row, feature]``.
        labels: The class of each row, from 0.
        n_classes: Classes; one without a row never wins.
        strength: From above 0 to 1.

    References:
        Jake Snell, Kevin Swersky, Richard Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017,
        arXiv:1703.05175; Jerome Friedman, "Regularized Discriminant Analysis", JASA 84, 1989, equation 18.
    """
    means, counts = means_of(features, labels, n_classes)
    weight = means
    if strength < 1:
        weight = shrunk_weights(features, means, counts, strength)
    bias = -0.5 * (weight * means).sum(1)
    bias[counts == 0] = -1e6
    return LinearHead(weight=weight, bias=bias)


def means_of(features: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ``[class, feature]`` and the number of rows ``[class]`` of every class."""
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.zeros((n_classes, features.shape[1]))
    np.add.at(sums, labels, features)
    return sums / np.maximum(counts, 1)[:, None], counts


def shrunk_weights(
    features: np.ndarray, means: np.ndarray, counts: np.ndarray, strength: float
) -> np.ndarray:
    """Return the means times P of `class_means`, ``[class, feature]``; as they are where nothing scatters.

    The scatter within classes is that of all rows less that of the means, which needs no second copy of the
    rows; the system is solved for the means alone, which is cheaper than P.

    Args:
        features: ``[row, feature]``.
        means: ``[class, feature]``.
        counts: Rows of each class.
        strength: Above 0, below 1.
    """
    size = features.shape[1]
    degrees = int(np.maximum(counts - 1, 0).sum())
    if degrees == 0:
        return means
    total = features.T @ features
    covariance = (total - (means.T * counts) @ means) / degrees
    scale = np.trace(covariance) / size
    if not scale > _ROUNDING * np.trace(total) / size / degrees:
        return means
    shrunk = (1 - strength) * covariance
    shrunk[np.diag_indices(size)] += strength * scale
    return scale * np.linalg.solve(shrunk, means.T).T
