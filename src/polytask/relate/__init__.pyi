from .affinity import Affinity, group_gain
from .gradient_cosines import GradientAffinity, gradient_affinity
from .grouping import Grouping, GroupingMethod, group_tasks
from .lookahead import lookahead_affinity
from .networks import GroupedModel
from .predicted import RankAgreement, predicted_gains, rank_agreement
from .similarity import label_similarity, similarity_gains
from .task_embedding import TaskEmbeddings, task_embeddings
from .transfer import Fit, TransferGains, transfer_gains
from .verdict import Outcome, Verdict, verdicts
from .watched import WatchedBalancer

__all__ = [
    "Affinity",
    "Fit",
    "GradientAffinity",
    "GroupedModel",
    "Grouping",
    "GroupingMethod",
    "Outcome",
    "RankAgreement",
    "TaskEmbeddings",
    "TransferGains",
    "Verdict",
    "WatchedBalancer",
    "gradient_affinity",
    "group_gain",
    "group_tasks",
    "label_similarity",
    "lookahead_affinity",
    "predicted_gains",
    "rank_agreement",
    "similarity_gains",
    "task_embeddings",
    "transfer_gains",
    "verdicts",
]
