"""How examples become steps: tables, images, episodes, and what a step asks."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
