"""Which tasks help which: affinities, groups, embeddings, and a verdict for each."""

from polytask.relate.grouping import Grouping, GroupingMethod, group_tasks
from polytask.relate.networks import GroupedModel
from polytask.relate.similarity import label_similarity, similarity_gains
from polytask.relate.task_embedding import TaskEmbeddings, task_embeddings
from polytask.relate.verdict import Outcome, Verdict, verdicts

__all__ = [
    "GroupedModel",
    "Grouping",
    "GroupingMethod",
    "Outcome",
    "TaskEmbeddings",
    "Verdict",
    "group_tasks",
    "label_similarity",
    "similarity_gains",
    "task_embeddings",
    "verdicts",
]
