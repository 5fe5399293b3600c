"""Ways of sharing layers, weights and representations between tasks."""

from polytask.sharing.binary_gate import BinaryGate
from polytask.sharing.branching import BranchingTree
from polytask.sharing.cgc import CGC
from polytask.sharing.cross_stitch import CrossStitch, Stitch
from polytask.sharing.dselect_k import DSelectK
from polytask.sharing.experts import Experts, mix
from polytask.sharing.film import FiLMSharing
from polytask.sharing.gates import BuildGate, SoftmaxGate
from polytask.sharing.hard import HardSharing
from polytask.sharing.learning_to_branch import LearnedBranching
from polytask.sharing.low_rank import LowRankAdapters
from polytask.sharing.mmoe import MMoE
from polytask.sharing.mtan import MTAN
from polytask.sharing.multi_input import MultiInputSharing
from polytask.sharing.ple import PLE
from polytask.sharing.sluice import Sluice
from polytask.sharing.soft import SoftSharing
from polytask.sharing.sparse_low_rank import SparseLowRankSharing
from polytask.sharing.tap_together import tap_together
from polytask.sharing.trace_norm import TraceNormSharing, trace_norm
from polytask.sharing.trunks import table_trunk

__all__ = [
    "LearnedBranching",
    "BinaryGate",
    "BranchingTree",
    "BuildGate",
    "CGC",
    "CrossStitch",
    "DSelectK",
    "Experts",
    "FiLMSharing",
    "HardSharing",
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
    "TraceNormSharing",
    "mix",
    "table_trunk",
    "tap_together",
    "trace_norm",
]
