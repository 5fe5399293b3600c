"""A linear head: a score for every class."""

from dataclasses import dataclass

import numpy as np

__all__ = ["LinearHead"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearHead:
    """Scores classes by a linear function of the features; every head for few labels is one of these.

    Args:
        weight: ``[class, feature]``.
        bias: ``[class]``.
    """

    weight: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return ``[row, class]`` for features ``[row, feature]``."""
        return features @ self.weight.T + self.bias
