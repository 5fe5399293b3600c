"""Methods that learn the learning rule itself."""

from polytask.meta.optimization.alfa import ALFA, AdaptiveRates
from polytask.meta.optimization.learned_rates import LearnedRates
from polytask.meta.optimization.meta_curvature import KroneckerCurvature, MetaCurvature
from polytask.meta.optimization.meta_sgd import MetaSGD

__all__ = ["ALFA", "AdaptiveRates", "KroneckerCurvature", "LearnedRates", "MetaCurvature", "MetaSGD"]
