"""Meta-learning: learners that learn a new task from a few examples, and how their episodes are run."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)
