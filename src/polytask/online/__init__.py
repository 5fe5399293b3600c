"""Meta-knowledge that keeps learning after deployment."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
