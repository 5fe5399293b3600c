"""Ways to get the Gramian of the objectives' gradients."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
