"""Meta-learners that learn where gradient descent starts."""

from polytask.meta.initialization.maml import FOMAML, MAML

__all__ = ["FOMAML", "MAML"]
