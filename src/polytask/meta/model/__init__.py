"""Learners that adapt in their forward pass: a network reads the support."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
