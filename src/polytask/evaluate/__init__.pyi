from .constant import constant_predictor
from .delta import delta_m, gain
from .episodes import evaluate_episodes
from .metrics import TaskMetrics, all_predictions, evaluate, higher_is_better, metric_names
from .skill import ConstantReference, TaskLead, clearly_ahead

__all__ = [
    "ConstantReference",
    "TaskLead",
    "TaskMetrics",
    "all_predictions",
    "clearly_ahead",
    "constant_predictor",
    "delta_m",
    "evaluate",
    "evaluate_episodes",
    "gain",
    "higher_is_better",
    "metric_names",
]
