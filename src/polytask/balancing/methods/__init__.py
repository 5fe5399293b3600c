"""The balancers, one method a file."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
