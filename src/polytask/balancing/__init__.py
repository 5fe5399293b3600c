"""Turning several objectives into one update of the shared parameters."""

from polytask.balancing.balancer import Balancer, Direction, Evidence, Weights
from polytask.balancing.catalogue import balancer_by_name, balancer_names
from polytask.balancing.equal import EqualWeights
from polytask.balancing.from_torchjd import Aggregated, GramianWeighted, Scalarized, UPGrad
from polytask.balancing.two_phase import Balance, BalancedBackward
from polytask.balancing.uncertainty import UncertaintyWeighting

__all__ = [
    "Aggregated",
    "Balance",
    "BalancedBackward",
    "Balancer",
    "Direction",
    "EqualWeights",
    "Evidence",
    "GramianWeighted",
    "Scalarized",
    "UPGrad",
    "UncertaintyWeighting",
    "Weights",
    "balancer_by_name",
    "balancer_names",
]
