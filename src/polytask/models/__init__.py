"""What is saved and loaded: bundles, and models of tables and of few examples."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
