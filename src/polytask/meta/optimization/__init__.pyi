from .alfa import ALFA, AdaptiveRates
from .coordinates import CoordinateRule
from .evolution import EvolvedObjective, PersistentEvolution
from .learned_optimizer import LSTMOptimizer, MLPOptimizer
from .learned_rates import LearnedRates
from .meta_curvature import KroneckerCurvature, MetaCurvature
from .meta_lstm import MetaLSTM
from .meta_sgd import MetaSGD
from .warp_grad import WarpGrad, with_warp_layers

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
