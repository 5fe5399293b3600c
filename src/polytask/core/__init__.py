"""The types on which everything stands; knows no method."""

from polytask.core.forked import use_one_thread_after_fork
from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)

use_one_thread_after_fork()  # here, as it has to be told before the fork, and all who compute import this
