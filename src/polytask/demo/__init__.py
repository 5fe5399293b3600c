"""The main job on built-in data: questions to tables, new classes from one example, and a report."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
