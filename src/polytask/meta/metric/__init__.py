"""Meta-learners that compare a query with the support in some space."""

from polytask.meta.metric.pixels import NearestMean
from polytask.meta.metric.prototypes import Prototypes

__all__ = ["NearestMean", "Prototypes"]
