"""Turning several objectives into one update of the shared parameters."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
