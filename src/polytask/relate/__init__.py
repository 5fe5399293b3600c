"""Which tasks help which: affinities, groups, embeddings, and a verdict for each."""

from polytask.relate.affinity import Affinity, group_gain
from polytask.relate.gradient_affinity import GradientAffinity, gradient_affinity
from polytask.relate.grouping import Grouping, GroupingMethod, group_tasks
from polytask.relate.lookahead import lookahead_affinity
from polytask.relate.networks import GroupedModel
from polytask.relate.predicted import RankAgreement, predicted_gains, rank_agreement
from polytask.relate.similarity import label_similarity, similarity_gains
from polytask.relate.task_embedding import TaskEmbeddings, task_embeddings
from polytask.relate.transfer import Fit, TransferGains, transfer_gains
from polytask.relate.verdict import Outcome, Verdict, verdicts
from polytask.relate.watched import WatchedBalancer

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
