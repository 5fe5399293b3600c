from .continual import ContinualUpdate
from .replay import TaskReplay

__all__ = ["ContinualUpdate", "TaskReplay"]
