from .balancer import Balancer, BalancerEntry, Direction, Needs, Weights, catalogued, check_hooks
from .catalogue import balancer_by_name, balancer_entries, balancer_names
from .engines.by_name import EngineName
from .evidence import Evidence
from .methods.aligned_mtl import AlignedMTL
from .methods.auto_lambda import AutoLambda
from .methods.cagrad import CAGrad
from .methods.config import ConFIG
from .methods.cosmos import COSMOS
from .methods.cov_weighting import CoVWeighting
from .methods.db_mtl import DBMTL
from .methods.dtp import DTP
from .methods.dual_proj import DualProj
from .methods.dwa import DWA
from .methods.equal import EqualWeights
from .methods.excess_mtl import ExcessMTL
from .methods.fairgrad import FairGrad
from .methods.famo import FAMO
from .methods.fixed import FixedWeights
from .methods.forum import FORUM
from .methods.geometric_mean import GeometricMean
from .methods.go4align import GO4Align
from .methods.grad_drop import GradDrop
from .methods.gradnorm import GradNorm
from .methods.gradvac import GradVac
from .methods.imtl_g import IMTLG
from .methods.imtl_l import IMTLL
from .methods.krum import Krum
from .methods.ldc_mtl import LDCMTL, DiscrepancyScale
from .methods.meta_balance import MetaBalance
from .methods.mgda import MGDA
from .methods.moco import MoCo
from .methods.modo import MoDo
from .methods.moml import MOML
from .methods.nash_mtl import NashMTL
from .methods.pbi import PBI
from .methods.pcd import PCD
from .methods.pcgrad import PCGrad
from .methods.relobralo import ReLoBRaLo
from .methods.revised_uncertainty import RevisedUncertaintyWeighting
from .methods.rlw import RLW, RandomLossDistribution
from .methods.scale_invariant import ScaleInvariant
from .methods.sdmgrad import SDMGrad
from .methods.slaw import SLAW
from .methods.soft_adapt import SoftAdapt, SoftAdaptVariant
from .methods.stch import STCH
from .methods.trimmed_mean import TrimmedMean
from .methods.uncertainty import UncertaintyWeighting
from .methods.upgrad import UPGrad
from .methods.uw_so import SoftUncertaintyWeighting
from .state.objective_index import ObjectiveIndex
from .step.accumulation import Accumulation
from .step.balance import Balance
from .step.parts import Parts
from .step.processes import Processes
from .step.two_phase import BalancedBackward
from .wrappers.inverse_probability import InverseProbability
from .wrappers.periodic import Periodic
from .wrappers.smoothed import Smoothed
from .wrappers.torchjd import Aggregated, GramianWeighted, Scalarized
from .wrappers.wrapper import Wrapper

__all__ = [
    "Accumulation",
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
    "GeometricMean",
    "GradDrop",
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
    "Parts",
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
    "catalogued",
    "check_hooks",
]
