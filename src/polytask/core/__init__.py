"""The types on which everything stands; knows no method."""

import lazy_loader

from polytask.core.forked import use_one_thread_after_fork

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

use_one_thread_after_fork()  # here, as it has to be told before the fork, and all who compute import this
