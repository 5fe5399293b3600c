"""Methods that learn the learning rule itself."""

from polytask.meta.optimization.alfa import ALFA, AdaptiveRates
from polytask.meta.optimization.coordinates import CoordinateRule
from polytask.meta.optimization.evolution import EvolvedObjective, PersistentEvolution
from polytask.meta.optimization.learned_optimizer import LSTMOptimizer, MLPOptimizer
from polytask.meta.optimization.learned_rates import LearnedRates
from polytask.meta.optimization.meta_curvature import KroneckerCurvature, MetaCurvature
from polytask.meta.optimization.meta_lstm import MetaLSTM
from polytask.meta.optimization.meta_sgd import MetaSGD
from polytask.meta.optimization.warp_grad import WarpGrad, with_warp_layers

__all__ = [
    "ALFA",
    "AdaptiveRates",
    "CoordinateRule",
    "EvolvedObjective",
    "KroneckerCurvature",
    "LSTMOptimizer",
    "LearnedRates",
    "MLPOptimizer",
    "MetaCurvature",
    "MetaLSTM",
    "MetaSGD",
    "PersistentEvolution",
    "WarpGrad",
    "with_warp_layers",
]
