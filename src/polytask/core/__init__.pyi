from .batch import Batch, Episode
from .episode_stack import EpisodeStack
from .errors import (
    BundleError,
    DataError,
    DataWarning,
    InputError,
    MissingPackageError,
    PolytaskError,
    ResultWarning,
    TrainingError,
)
from .gradients import jacobian
from .interval import Interval, mean_interval
from .learner import EpisodicLearner, Learner, Predictor
from .random import derive_seed, generator, seeded
from .shared_model import (
    PerTask,
    Representation,
    SharedModel,
    Sharing,
    private_parameters,
    shared_parameters,
)
from .task import Objectives, Task

__all__ = [
    "Batch",
    "BundleError",
    "DataError",
    "DataWarning",
    "Episode",
    "EpisodeStack",
    "EpisodicLearner",
    "InputError",
    "Interval",
    "Learner",
    "MissingPackageError",
    "Objectives",
    "PerTask",
    "PolytaskError",
    "Predictor",
    "Representation",
    "ResultWarning",
    "SharedModel",
    "Sharing",
    "Task",
    "TrainingError",
    "derive_seed",
    "generator",
    "jacobian",
    "mean_interval",
    "private_parameters",
    "seeded",
    "shared_parameters",
]
