"""The estimator of several targets that are all numbers."""

from typing import ClassVar

from sklearn.base import RegressorMixin

from polytask.estimators.labelled_table import Answers
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

    _answers: ClassVar[Answers] = "numbers"
    score = MultiTaskEstimator.score
