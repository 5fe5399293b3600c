"""The estimator of several targets that are all numbers."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from polytask.estimators.labelled_table import Permitted
from polytask.estimators.multi_task_estimator import MultiTaskEstimator

__all__ = ["MultiTaskRegressor"]


class MultiTaskRegressor(RegressorMixin, MultiTaskEstimator):
    """A `MultiTaskEstimator` whose targets are all numbers, also where few values differ.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).random((60, 2))
        >>> MultiTaskRegressor(epochs=2, folds=2).fit(x, x @ [[1, 2, 3], [4, 5, 6]]).predict(x[:4]).shape
        (4, 3)
    """

    _permitted: ClassVar[Permitted] = "numbers"

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the mean over targets; see `MultiTaskEstimator.score`."""
        return MultiTaskEstimator.score(self, X, y, sample_weight)
