"""Meta-learners that compare a query with the support in some space."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
