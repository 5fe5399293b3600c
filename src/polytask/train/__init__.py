"""One training loop on Lightning Fabric."""

import sys
from types import ModuleType
from typing import Any

from polytask.renamed import with_old_names
from polytask.train.loop import Training, train
from polytask.train.precision import faster_precision
from polytask.train.validation import Validation

__all__ = ["Training", "Validation", "faster_precision", "train"]

__getattr__ = with_old_names(__name__)


class _Room(ModuleType):
    """Can be called as the function in it: to Python, the package's attribute ``train`` is this module."""

    def __call__(self, *args: Any, **kwargs: Any) -> Training:
        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
