"""Turning several objectives into one update of the shared parameters."""

from polytask.balancing.balancer import AfterStep, Balancer, Direction, Evidence, Needs, Weights
from polytask.balancing.catalogue import BalancerEntry, balancer_by_name, balancer_entries, balancer_names
from polytask.balancing.equal import EqualWeights
from polytask.balancing.from_torchjd import Aggregated, GramianWeighted, Scalarized, UPGrad
from polytask.balancing.objective_index import ObjectiveIndex
from polytask.balancing.processes import Processes
from polytask.balancing.two_phase import Balance, BalancedBackward, EngineName
from polytask.balancing.uncertainty import UncertaintyWeighting

__all__ = [
    "AfterStep",
    "Aggregated",
    "Balance",
    "BalancedBackward",
    "Balancer",
    "BalancerEntry",
    "Direction",
    "EqualWeights",
    "EngineName",
    "Evidence",
    "GramianWeighted",
    "Needs",
    "ObjectiveIndex",
    "Processes",
    "Scalarized",
    "UPGrad",
    "UncertaintyWeighting",
    "Weights",
    "balancer_by_name",
    "balancer_entries",
    "balancer_names",
]
