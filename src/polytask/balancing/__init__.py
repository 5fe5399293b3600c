"""Turning several objectives into one update of the shared parameters."""

from polytask.balancing.auto_lambda import AutoLambda
from polytask.balancing.balancer import AfterStep, Balancer, Direction, Evidence, Needs, Weights
from polytask.balancing.bargaining import FairGrad, NashMTL
from polytask.balancing.cagrad import CAGrad
from polytask.balancing.catalogue import BalancerEntry, balancer_by_name, balancer_entries, balancer_names
from polytask.balancing.conflict_free import ConFIG
from polytask.balancing.double_sampling import MoDo, SDMGrad
from polytask.balancing.equal import EqualWeights
from polytask.balancing.excess_risk import ExcessMTL
from polytask.balancing.from_torchjd import Aggregated, GramianWeighted, Scalarized
from polytask.balancing.gradnorm import GradNorm
from polytask.balancing.kept_weights import Periodic, Smoothed
from polytask.balancing.log_gradients import DBMTL
from polytask.balancing.meta_balance import MetaBalance
from polytask.balancing.mgda import MGDA
from polytask.balancing.moco import MoCo
from polytask.balancing.objective_index import ObjectiveIndex
from polytask.balancing.priority import PCD
from polytask.balancing.processes import Processes
from polytask.balancing.robust import Krum, TrimmedMean
from polytask.balancing.surgery import GradVac, PCGrad
from polytask.balancing.two_phase import Balance, BalancedBackward, EngineName
from polytask.balancing.uncertainty import UncertaintyWeighting
from polytask.balancing.upgrad import DualProj, UPGrad

__all__ = [
    "AfterStep",
    "Aggregated",
    "AutoLambda",
    "Balance",
    "BalancedBackward",
    "Balancer",
    "BalancerEntry",
    "CAGrad",
    "ConFIG",
    "DBMTL",
    "Direction",
    "DualProj",
    "EngineName",
    "EqualWeights",
    "Evidence",
    "ExcessMTL",
    "FairGrad",
    "GradNorm",
    "GradVac",
    "GramianWeighted",
    "Krum",
    "MGDA",
    "MetaBalance",
    "MoCo",
    "MoDo",
    "NashMTL",
    "Needs",
    "ObjectiveIndex",
    "PCD",
    "PCGrad",
    "Periodic",
    "Processes",
    "SDMGrad",
    "Scalarized",
    "Smoothed",
    "TrimmedMean",
    "UPGrad",
    "UncertaintyWeighting",
    "Weights",
    "balancer_by_name",
    "balancer_entries",
    "balancer_names",
]
