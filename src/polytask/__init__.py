"""polytask: learn many tasks together; learn the next one fast.

The whole road in five lines each way:

- `fit` a table with several targets, `learn` to tell new classes apart from few images, `load` either again;
- `relate` and `compare` tell which targets help each other, and whether training them together pays;
- the building blocks: `Task`, `Batch`, `Episode`, `Learner`, and the rooms `polytask.data`,
  `polytask.architectures`, `polytask.balancing`, `polytask.meta`, `polytask.train`, `polytask.evaluate`.

Nothing is imported before it is asked for.
"""

import lazy_loader

from polytask.renamed import find_old_modules, with_old_names
from polytask.version import __version__

# `train`, `compare` and `relate` are both: rooms that can be called, as what they are named after.
_found, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "architectures",
        "balancing",
        "checks",
        "compare",
        "core",
        "data",
        "datasets",
        "demo",
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
        "serve",
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
        "estimators": [
            "FewShotEstimator",
            "MultiTaskClassifier",
            "MultiTaskEstimator",
            "MultiTaskRegressor",
            "adapt",
            "extend",
            "fit",
            "learn",
            "update",
        ],
        "models": ["load"],
    },
)

__all__ += ["__version__"]

__getattr__ = with_old_names(__name__, _found)
find_old_modules()
