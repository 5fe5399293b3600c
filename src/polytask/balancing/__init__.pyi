from . import methods
from .balancer import Balancer, Direction, Weights
from .catalogue import balancer_by_name, balancer_names
from .evidence import Evidence
from .step.two_phase import BalancedBackward
from .wrappers.inverse_probability import InverseProbability
from .wrappers.periodic import Periodic
from .wrappers.smoothed import Smoothed
from .wrappers.torchjd import Aggregated, GramianWeighted, Scalarized

__all__ = [
    "Aggregated",
    "BalancedBackward",
    "Balancer",
    "Direction",
    "Evidence",
    "GramianWeighted",
    "InverseProbability",
    "Periodic",
    "Scalarized",
    "Smoothed",
    "Weights",
    "balancer_by_name",
    "balancer_names",
    "methods",
]
