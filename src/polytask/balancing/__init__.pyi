from .balancer import AfterStep, Balancer, Direction, Evidence, Needs, Weights, check_hooks
from .catalogue import BalancerEntry, balancer_by_name, balancer_entries, balancer_names
from .engines.by_name import EngineName
from .methods.aligned_mtl import AlignedMTL
from .methods.auto_lambda import AutoLambda
from .methods.cagrad import CAGrad
from .methods.config import ConFIG
from .methods.cosmos import COSMOS, PBI
from .methods.cov_weighting import CoVWeighting
from .methods.db_mtl import DBMTL
from .methods.dtp import DTP
from .methods.dwa import DWA
from .methods.equal import EqualWeights
from .methods.excess_mtl import ExcessMTL
from .methods.famo import FAMO
from .methods.fixed import FixedWeights
from .methods.forum import FORUM
from .methods.go4align import GO4Align
from .methods.gradnorm import GradNorm
from .methods.imtl_g import IMTLG
from .methods.imtl_l import IMTLL
from .methods.krum import Krum, TrimmedMean
from .methods.ldc_mtl import LDCMTL, DiscrepancyScale
from .methods.meta_balance import MetaBalance
from .methods.mgda import MGDA
from .methods.moco import MoCo
from .methods.modo import MoDo, SDMGrad
from .methods.moml import MOML
from .methods.nash_mtl import FairGrad, NashMTL
from .methods.pcd import PCD
from .methods.pcgrad import GradVac, PCGrad
from .methods.relobralo import ReLoBRaLo
from .methods.revised_uncertainty import RevisedUncertaintyWeighting
from .methods.rlw import RLW, RandomLossDistribution
from .methods.scale_invariant import ScaleInvariant
from .methods.slaw import SLAW
from .methods.soft_adapt import SoftAdapt, SoftAdaptVariant
from .methods.stch import STCH
from .methods.torchjd import Aggregated, GramianWeighted, Scalarized
from .methods.uncertainty import UncertaintyWeighting
from .methods.upgrad import DualProj, UPGrad
from .methods.uw_so import SoftUncertaintyWeighting
from .state.objective_index import ObjectiveIndex
from .step.accumulation import Accumulation
from .step.balance import Balance
from .step.processes import Processes
from .step.two_phase import BalancedBackward
from .wrappers.inverse_probability import InverseProbability
from .wrappers.kept_weights import Periodic, Smoothed
from .wrappers.wrapper import Wrapper

__all__ = [
    "Accumulation",
    "AfterStep",
    "Aggregated",
    "AlignedMTL",
    "AutoLambda",
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
    "FORUM",
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
    "MOML",
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
