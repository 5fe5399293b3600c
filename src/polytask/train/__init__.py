"""One training loop on Lightning Fabric."""

import sys
from types import ModuleType
from typing import Any

from polytask.train.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from polytask.train.loop import Training, train
from polytask.train.threads import single_threaded
from polytask.train.validation import Validation

__all__ = [
    "Training",
    "Validation",
    "load_checkpoint",
    "save_checkpoint",
    "single_threaded",
    "train",
    "write_atomically",
]


class _Room(ModuleType):
    """Can be called as the function in it: to Python, the package's attribute ``train`` is this module."""

    def __call__(self, *args: Any, **kwargs: Any) -> Training:
        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
