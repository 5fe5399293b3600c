"""Meta-learning: learners that learn a new task from a few examples, and how their episodes are run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
