from .candidate import Candidate, Fitted
from .catalogue import candidate_names, candidates_of
from .estimators import Estimators
from .networks import JointNetworks, SingleNetworks
from .results import CandidateResult, Comparison, Contrast
from .table_comparison import compare, work_on
from .table_rows import TableRows
from .task_results import TaskComparison

__all__ = [
    "Candidate",
    "CandidateResult",
    "Comparison",
    "Contrast",
    "Estimators",
    "Fitted",
    "JointNetworks",
    "SingleNetworks",
    "TableRows",
    "TaskComparison",
    "candidate_names",
    "candidates_of",
    "compare",
    "work_on",
]
