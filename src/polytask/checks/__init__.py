"""The public conformance suite: run it on your own learner, balancer or source."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
