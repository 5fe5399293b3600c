"""How the episodes of a step are run: in a loop, many at once, compiled."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
