from .balancer import check_balancer
from .failures import ConformanceError
from .learner import check_learner
from .source import check_source

__all__ = ["ConformanceError", "check_balancer", "check_learner", "check_source"]
