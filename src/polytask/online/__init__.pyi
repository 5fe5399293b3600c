from .continual import ContinualUpdate, Observed
from .replay import TaskReplay

__all__ = ["ContinualUpdate", "Observed", "TaskReplay"]
