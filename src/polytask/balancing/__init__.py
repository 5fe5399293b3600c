"""Turning several objectives into one update of the shared parameters."""

from polytask.balancing.accumulation import Accumulation
from polytask.balancing.aligned_mtl import AlignedMTL
from polytask.balancing.auto_lambda import AutoLambda
from polytask.balancing.balance import Balance
from polytask.balancing.balancer import (
    AfterStep,
    Balancer,
    Direction,
    Evidence,
    Needs,
    Weights,
    check_hooks,
)
from polytask.balancing.bargaining import FairGrad, NashMTL
from polytask.balancing.cagrad import CAGrad
from polytask.balancing.catalogue import BalancerEntry, balancer_by_name, balancer_entries, balancer_names
from polytask.balancing.coefficient_of_variation import CoVWeighting
from polytask.balancing.conflict_free import ConFIG
from polytask.balancing.double_sampling import MoDo, SDMGrad
from polytask.balancing.dwa import DWA
from polytask.balancing.dynamic_priority import DTP
from polytask.balancing.engines import EngineName
from polytask.balancing.equal import EqualWeights
from polytask.balancing.excess_risk import ExcessMTL
from polytask.balancing.famo import FAMO
from polytask.balancing.fixed import FixedWeights
from polytask.balancing.forum import FORUM
from polytask.balancing.from_torchjd import Aggregated, GramianWeighted, Scalarized
from polytask.balancing.go4align import GO4Align
from polytask.balancing.gradnorm import GradNorm
from polytask.balancing.imtl_g import IMTLG
from polytask.balancing.imtl_l import IMTLL
from polytask.balancing.inverse_probability import InverseProbability
from polytask.balancing.kept_weights import Periodic, Smoothed
from polytask.balancing.log_gradients import DBMTL
from polytask.balancing.loss_discrepancy import LDCMTL, DiscrepancyScale
from polytask.balancing.meta_balance import MetaBalance
from polytask.balancing.mgda import MGDA
from polytask.balancing.moco import MoCo
from polytask.balancing.moml import MOML
from polytask.balancing.objective_index import ObjectiveIndex
from polytask.balancing.preference import COSMOS, PBI
from polytask.balancing.priority import PCD
from polytask.balancing.processes import Processes
from polytask.balancing.random_loss import RLW, RandomLossDistribution
from polytask.balancing.relative_balancing import ReLoBRaLo
from polytask.balancing.revised_uncertainty import RevisedUncertaintyWeighting
from polytask.balancing.robust import Krum, TrimmedMean
from polytask.balancing.scale_invariant import ScaleInvariant
from polytask.balancing.slaw import SLAW
from polytask.balancing.smooth_tchebycheff import STCH
from polytask.balancing.soft_adapt import SoftAdapt, SoftAdaptVariant
from polytask.balancing.soft_uncertainty import SoftUncertaintyWeighting
from polytask.balancing.surgery import GradVac, PCGrad
from polytask.balancing.two_phase import BalancedBackward
from polytask.balancing.uncertainty import UncertaintyWeighting
from polytask.balancing.upgrad import DualProj, UPGrad
from polytask.balancing.wrapper import Wrapper

__all__ = [
    "Accumulation",
    "AfterStep",
    "Aggregated",
    "AlignedMTL",
    "AutoLambda",
    "FORUM",
    "MOML",
    "Balance",
    "BalancedBackward",
    "Balancer",
    "BalancerEntry",
    "CAGrad",
    "COSMOS",
    "CoVWeighting",
    "ConFIG",
    "DBMTL",
    "DTP",
    "DWA",
    "Direction",
    "DiscrepancyScale",
    "DualProj",
    "EngineName",
    "EqualWeights",
    "Evidence",
    "ExcessMTL",
    "FAMO",
    "FairGrad",
    "FixedWeights",
    "GO4Align",
    "GradNorm",
    "GradVac",
    "GramianWeighted",
    "IMTLG",
    "IMTLL",
    "InverseProbability",
    "Krum",
    "LDCMTL",
    "MGDA",
    "MetaBalance",
    "MoCo",
    "MoDo",
    "NashMTL",
    "Needs",
    "ObjectiveIndex",
    "PBI",
    "PCD",
    "PCGrad",
    "Periodic",
    "Processes",
    "RLW",
    "RandomLossDistribution",
    "ReLoBRaLo",
    "RevisedUncertaintyWeighting",
    "SDMGrad",
    "SLAW",
    "STCH",
    "Scalarized",
    "ScaleInvariant",
    "Smoothed",
    "SoftAdapt",
    "SoftAdaptVariant",
    "SoftUncertaintyWeighting",
    "TrimmedMean",
    "UPGrad",
    "UncertaintyWeighting",
    "Weights",
    "Wrapper",
    "balancer_by_name",
    "balancer_entries",
    "balancer_names",
    "check_hooks",
]
