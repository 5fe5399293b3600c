"""Softmax and its kin along classes; scipy has them, but takes half a second to import."""

import numpy as np

__all__ = ["log_softmax", "log_sum_exp", "softmax"]


def log_sum_exp(scores: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of exponentials, ``[row, 1]``, of scores ``[row, class]``."""
    top = scores.max(axis=1, keepdims=True)
    return top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities ``[row, class]``."""
    return scores - log_sum_exp(scores)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return probabilities ``[row, class]``."""
    return np.exp(log_softmax(scores))
