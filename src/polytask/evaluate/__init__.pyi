from .delta import delta_m, gain
from .episodes import evaluate_episodes
from .metrics import evaluate, metric_names

__all__ = ["delta_m", "evaluate", "evaluate_episodes", "gain", "metric_names"]
