from .few_shot_classifier import FewShotClassifier
from .few_shot_model import AdaptedModel, FewShotModel
from .hub import from_hub, push_to_hub
from .in_context_model import InContextModel
from .learned_features import LearnedFeatures
from .saved import load
from .table_model import TableModel
from .task_table_model import TaskTableModel

__all__ = [
    "AdaptedModel",
    "FewShotClassifier",
    "FewShotModel",
    "InContextModel",
    "LearnedFeatures",
    "TableModel",
    "TaskTableModel",
    "from_hub",
    "load",
    "push_to_hub",
]
