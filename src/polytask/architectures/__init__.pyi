from .branching import BranchingTree
from .catalogue import architecture_names
from .cgc import CGC
from .cross_stitch import CrossStitch
from .dselect_k import DSelectK
from .film import FiLMSharing
from .hard import HardSharing
from .learning_to_branch import LearnedBranching
from .low_rank import LowRankAdapters
from .mmoe import MMoE
from .mtan import MTAN
from .multi_input import MultiInputSharing
from .own_input import OwnInputSharing
from .ple import PLE
from .sluice import Sluice
from .soft import SoftSharing
from .sparse_low_rank import SparseLowRankSharing
from .tabm_sharing import TabMSharing
from .trace_norm_sharing import TraceNormSharing
from .trunks import table_trunk

__all__ = [
    "BranchingTree",
    "CGC",
    "CrossStitch",
    "DSelectK",
    "FiLMSharing",
    "HardSharing",
    "LearnedBranching",
    "LowRankAdapters",
    "MMoE",
    "MTAN",
    "MultiInputSharing",
    "OwnInputSharing",
    "PLE",
    "Sluice",
    "SoftSharing",
    "SparseLowRankSharing",
    "TabMSharing",
    "TraceNormSharing",
    "architecture_names",
    "table_trunk",
]
