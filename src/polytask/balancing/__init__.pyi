from .balancer import Balancer, Direction, Weights
from .catalogue import balancer_by_name, balancer_names
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
from .methods.ldc_mtl import LDCMTL
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
from .methods.rlw import RLW
from .methods.scale_invariant import ScaleInvariant
from .methods.sdmgrad import SDMGrad
from .methods.slaw import SLAW
from .methods.soft_adapt import SoftAdapt
from .methods.stch import STCH
from .methods.trimmed_mean import TrimmedMean
from .methods.uncertainty import UncertaintyWeighting
from .methods.upgrad import UPGrad
from .methods.uw_so import SoftUncertaintyWeighting
from .step.two_phase import BalancedBackward
from .wrappers.inverse_probability import InverseProbability
from .wrappers.periodic import Periodic
from .wrappers.smoothed import Smoothed
from .wrappers.torchjd import Aggregated, GramianWeighted, Scalarized

__all__ = [
    "Aggregated",
    "AlignedMTL",
    "AutoLambda",
    "BalancedBackward",
    "Balancer",
    "CAGrad",
    "COSMOS",
    "CoVWeighting",
    "ConFIG",
    "DBMTL",
    "DTP",
    "DWA",
    "Direction",
    "DualProj",
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
    "PBI",
    "PCD",
    "PCGrad",
    "Periodic",
    "RLW",
    "ReLoBRaLo",
    "RevisedUncertaintyWeighting",
    "SDMGrad",
    "SLAW",
    "STCH",
    "Scalarized",
    "ScaleInvariant",
    "Smoothed",
    "SoftAdapt",
    "SoftUncertaintyWeighting",
    "TrimmedMean",
    "UPGrad",
    "UncertaintyWeighting",
    "Weights",
    "balancer_by_name",
    "balancer_names",
]
