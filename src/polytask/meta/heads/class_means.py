"""Nearest class mean, under the covariance that all classes have in common."""

import numpy as np

from polytask.meta.heads.linear_head import LinearHead

__all__ = ["class_means", "means_of", "precision_of"]


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
        weight = means @ precision_of(features, means[labels], counts, strength)
    bias = -0.5 * (weight * means).sum(1)
    bias[counts == 0] = -1e6
    return LinearHead(weight=weight, bias=bias)


def means_of(features: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ``[class, feature]`` and the number of rows ``[class]`` of every class."""
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.zeros((n_classes, features.shape[1]))
    np.add.at(sums, labels, features)
    return sums / np.maximum(counts, 1)[:, None], counts


def precision_of(
    features: np.ndarray, centres: np.ndarray, counts: np.ndarray, strength: float
) -> np.ndarray:
    """Return P of `class_means`, ``[feature, feature]``; the identity where no class has two rows."""
    size = features.shape[1]
    degrees = int(np.maximum(counts - 1, 0).sum())
    if degrees == 0:
        return np.eye(size)
    apart = features - centres
    covariance = apart.T @ apart / degrees
    scale = np.trace(covariance) / size
    if not scale > 0:
        return np.eye(size)
    shrunk = (1 - strength) * covariance + strength * scale * np.eye(size)
    return scale * np.linalg.inv(shrunk)
