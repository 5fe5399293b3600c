"""The public conformance suite: run it on your own learner, balancer or source."""

from polytask.checks.balancer import check_balancer
from polytask.checks.failures import ConformanceError
from polytask.checks.learner import check_learner
from polytask.checks.source import check_source

__all__ = ["ConformanceError", "check_balancer", "check_learner", "check_source"]
