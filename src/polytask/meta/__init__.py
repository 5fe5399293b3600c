"""Meta-learning: learners that learn a new task from a few examples, and how their episodes are run."""

from polytask.meta.engine import named_execution, run_vmap
from polytask.meta.fastest import Fastest
from polytask.meta.gradient_check import GradientReport, check_meta_gradient
from polytask.meta.initialization import FOMAML, MAML
from polytask.meta.learner import MetaLearner
from polytask.meta.metric import NearestMean, Prototypes
from polytask.meta.networks import conv4, conv4_classifier, mlp
from polytask.meta.normalization import check_normalization, normalized, uses_batch_statistics

__all__ = [
    "FOMAML",
    "Fastest",
    "GradientReport",
    "MAML",
    "MetaLearner",
    "NearestMean",
    "Prototypes",
    "check_meta_gradient",
    "check_normalization",
    "conv4",
    "conv4_classifier",
    "mlp",
    "named_execution",
    "normalized",
    "run_vmap",
    "uses_batch_statistics",
]
