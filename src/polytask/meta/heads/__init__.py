"""Heads for few labels on features that are given: solved in one go, as strong as held-out examples say."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
