from .aligned_mtl import AlignedMTL
from .auto_lambda import AutoLambda
from .cagrad import CAGrad
from .config import ConFIG
from .cosmos import COSMOS
from .cov_weighting import CoVWeighting
from .db_mtl import DBMTL
from .dtp import DTP
from .dual_proj import DualProj
from .dwa import DWA
from .equal import EqualWeights
from .excess_mtl import ExcessMTL
from .fairgrad import FairGrad
from .famo import FAMO
from .fixed import FixedWeights
from .forum import FORUM
from .geometric_mean import GeometricMean
from .go4align import GO4Align
from .grad_drop import GradDrop
from .gradnorm import GradNorm
from .gradvac import GradVac
from .imtl_g import IMTLG
from .imtl_l import IMTLL
from .krum import Krum
from .ldc_mtl import LDCMTL
from .meta_balance import MetaBalance
from .mgda import MGDA
from .moco import MoCo
from .modo import MoDo
from .moml import MOML
from .nash_mtl import NashMTL
from .pbi import PBI
from .pcd import PCD
from .pcgrad import PCGrad
from .relobralo import ReLoBRaLo
from .revised_uncertainty import RevisedUncertaintyWeighting
from .rlw import RLW
from .scale_invariant import ScaleInvariant
from .sdmgrad import SDMGrad
from .slaw import SLAW
from .soft_adapt import SoftAdapt
from .stch import STCH
from .trimmed_mean import TrimmedMean
from .uncertainty import UncertaintyWeighting
from .upgrad import UPGrad
from .uw_so import SoftUncertaintyWeighting

__all__ = [
    "AlignedMTL",
    "AutoLambda",
    "CAGrad",
    "COSMOS",
    "CoVWeighting",
    "ConFIG",
    "DBMTL",
    "DTP",
    "DWA",
    "DualProj",
    "EqualWeights",
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
    "IMTLG",
    "IMTLL",
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
    "RLW",
    "ReLoBRaLo",
    "RevisedUncertaintyWeighting",
    "SDMGrad",
    "SLAW",
    "STCH",
    "ScaleInvariant",
    "SoftAdapt",
    "SoftUncertaintyWeighting",
    "TrimmedMean",
    "UPGrad",
    "UncertaintyWeighting",
]
