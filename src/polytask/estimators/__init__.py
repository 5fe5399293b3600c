"""Whole models in one call: fit a table, learn to learn, load, predict."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
