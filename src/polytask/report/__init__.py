"""Results for people: tables in the terminal, a self-contained HTML page."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
