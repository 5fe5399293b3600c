"""Models behind HTTP: predictions, new tasks from few examples, tables to be fitted, and a page."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
