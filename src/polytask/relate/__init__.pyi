from .gradient_cosines import gradient_affinity
from .grouping import group_tasks
from .lookahead import lookahead_affinity
from .networks import GroupedModel
from .predicted import predicted_gains
from .similarity import similarity_gains
from .task_embedding import task_embeddings
from .transfer import transfer_gains
from .verdict import verdicts
from .watched import WatchedBalancer

__all__ = [
    "GroupedModel",
    "WatchedBalancer",
    "gradient_affinity",
    "group_tasks",
    "lookahead_affinity",
    "predicted_gains",
    "similarity_gains",
    "task_embeddings",
    "transfer_gains",
    "verdicts",
]
