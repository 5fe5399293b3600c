"""Recipes: how a table model and a few-shot model are trained."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
