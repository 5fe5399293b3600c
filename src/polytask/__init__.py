"""polytask: learn many tasks together; learn the next one fast.

The whole road in five lines each way:

- `fit` a table with several targets, `learn` to tell new classes apart from few images, `load` either again;
- the building blocks: `Task`, `Batch`, `Episode`, `Learner`, and the rooms `polytask.data`,
  `polytask.sharing`, `polytask.balancing`, `polytask.meta`, `polytask.train`, `polytask.evaluate`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    InputError,
    Learner,
    PerTask,
    PolytaskError,
    Predictor,
    SharedModel,
    Sharing,
    Task,
)
from polytask.version import __version__

if TYPE_CHECKING:
    from polytask.estimators import fit, learn, load
    from polytask.train import train

__all__ = [
    "Batch",
    "Episode",
    "EpisodicLearner",
    "InputError",
    "Learner",
    "PerTask",
    "PolytaskError",
    "Predictor",
    "SharedModel",
    "Sharing",
    "Task",
    "__version__",
    "fit",
    "learn",
    "load",
    "train",
]

_LATE = ("fit", "learn", "load")
# `train` is both: a room that can be called, as what it is named after.
_ROOMS = (
    *(
        "balancing",
        "checks",
        "core",
        "data",
        "encoders",
        "estimators",
        "evaluate",
        "meta",
        "relate",
        "report",
    ),
    *("sharing", "train"),
)


def __getattr__(name: str) -> Any:
    """Import what needs pandas, scikit-learn or Fabric only when it is asked for."""
    if name in _LATE:
        return getattr(importlib.import_module("polytask.estimators"), name)
    if name in _ROOMS:
        return importlib.import_module(f"polytask.{name}")
    raise AttributeError(f"module 'polytask' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
