"""Meta-knowledge that keeps learning after deployment."""

from polytask.meta.online.continual import ContinualUpdate, Observed
from polytask.meta.online.replay import TaskReplay

__all__ = ["ContinualUpdate", "Observed", "TaskReplay"]
