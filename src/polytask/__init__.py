"""polytask: learn many tasks together; learn the next one fast.

The whole road in five lines each way:

- `fit` a table with several targets, `learn` to tell new classes apart from few images, `load` either again;
- the building blocks: `Task`, `Batch`, `Episode`, `Learner`, and the rooms `polytask.data`,
  `polytask.architectures`, `polytask.balancing`, `polytask.meta`, `polytask.train`, `polytask.evaluate`.

Nothing is imported before it is asked for.
"""

import warnings
from typing import Any

import lazy_loader

from polytask.version import __version__

# `train` is both: a room that can be called, as what it is named after.
_found, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "architectures",
        "balancing",
        "checks",
        "core",
        "data",
        "datasets",
        "encoders",
        "estimators",
        "evaluate",
        "execution",
        "fitting",
        "meta",
        "models",
        "online",
        "relate",
        "report",
        "rl",
        "selection",
        "train",
    ],
    submod_attrs={
        "core": [
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
        ],
        "estimators": ["fit", "learn"],
        "models": ["load"],
    },
)

__all__ += ["__version__"]

_RENAMED = {"sharing": "architectures"}


def __getattr__(name: str) -> Any:
    """Import what is asked for; an old name leads to the new one, for one release."""
    if name not in _RENAMED:
        return _found(name)
    new = _RENAMED[name]
    warnings.warn(
        f"`polytask.{name}` is now `polytask.{new}`; the old name goes with the next release. "
        "docs/renames.json has all that moved.",
        FutureWarning,
        stacklevel=2,
    )
    return _found(new)
