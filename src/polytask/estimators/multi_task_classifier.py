"""The estimator of several targets that are all classes."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin

from polytask.estimators.labelled_table import Permitted
from polytask.estimators.multi_task_estimator import MultiTaskEstimator

__all__ = ["MultiTaskClassifier"]


class MultiTaskClassifier(ClassifierMixin, MultiTaskEstimator):
    """A `MultiTaskEstimator` whose targets are all classes, also where their labels are numbers.

    scikit-learn takes it for a classifier: cross-validation stratifies by the classes of a single target, and
    scorers ask for its probabilities.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).random((60, 2))
        >>> MultiTaskClassifier(epochs=2, folds=2).fit(x, (5 * x[:, 0]).astype(int)).classes_
        array([0, 1, 2, 3, 4])
    """

    _permitted: ClassVar[Permitted] = "classes"

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the mean over targets; see `MultiTaskEstimator.score`."""
        return MultiTaskEstimator.score(self, X, y, sample_weight)
