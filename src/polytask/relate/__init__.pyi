from .gradient_cosines import gradient_affinity
from .grouping import group_tasks
from .lookahead import lookahead_affinity
from .networks import GroupedModel
from .predicted import predicted_gains
from .relations import Relations, TaskRelation
from .similarity import similarity_gains
from .table_relations import relate, related, related_groups
from .task_embedding import task_embeddings
from .transfer import transfer_gains
from .verdict import verdicts
from .watched import WatchedBalancer

__all__ = [
    "GroupedModel",
    "Relations",
    "TaskRelation",
    "WatchedBalancer",
    "gradient_affinity",
    "group_tasks",
    "lookahead_affinity",
    "predicted_gains",
    "relate",
    "related",
    "related_groups",
    "similarity_gains",
    "task_embeddings",
    "transfer_gains",
    "verdicts",
]
