from .binary_gate import BinaryGate
from .branching import BranchingTree
from .catalogue import architecture_entries, architecture_entry, architecture_names
from .cgc import CGC
from .cross_stitch import CrossStitch, Stitch
from .dselect_k import DSelectK
from .entry import ArchitectureEntry, TablePlan, catalogued
from .experts import Experts, mix
from .film import FiLMSharing
from .gates import BuildGate, SoftmaxGate
from .hard import HardSharing
from .joined_tap import tap_together
from .learning_to_branch import LearnedBranching
from .low_rank import LowRankAdapters
from .mmoe import MMoE
from .mtan import MTAN
from .multi_input import MultiInputSharing
from .ple import PLE
from .sluice import Sluice
from .soft import SoftSharing
from .sparse_low_rank import SparseLowRankSharing
from .tabm_sharing import TabMSharing
from .trace_norm_sharing import TraceNormSharing, trace_norm
from .trunks import table_trunk

__all__ = [
    "ArchitectureEntry",
    "BinaryGate",
    "BranchingTree",
    "BuildGate",
    "CGC",
    "CrossStitch",
    "DSelectK",
    "Experts",
    "FiLMSharing",
    "HardSharing",
    "LearnedBranching",
    "LowRankAdapters",
    "MMoE",
    "MTAN",
    "MultiInputSharing",
    "PLE",
    "Sluice",
    "SoftSharing",
    "SoftmaxGate",
    "SparseLowRankSharing",
    "Stitch",
    "TabMSharing",
    "TablePlan",
    "TraceNormSharing",
    "architecture_entries",
    "architecture_entry",
    "architecture_names",
    "catalogued",
    "mix",
    "table_trunk",
    "tap_together",
    "trace_norm",
]
