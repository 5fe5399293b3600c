"""Meta-learning: learners that learn a new task from a few examples, and how their episodes are run."""

from polytask.meta.batched import run_each, run_vmap
from polytask.meta.compiled import Compiled
from polytask.meta.engine import named_execution
from polytask.meta.fastest import Fastest
from polytask.meta.gradient_check import GradientReport, check_meta_gradient
from polytask.meta.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.initialization import (
    ANIL,
    BOIL,
    CAVIA,
    FOMAML,
    IMAML,
    MAML,
    MAMLPlusPlus,
    MultiStepLoss,
    ProtoMAML,
    Reptile,
    WithContext,
)
from polytask.meta.learner import MetaLearner
from polytask.meta.memory import FittedVmap, peak_bytes
from polytask.meta.metric import NearestMean, Prototypes
from polytask.meta.model.plastic import PlasticNetwork
from polytask.meta.model.plastic_layer import PlasticLayer
from polytask.meta.networks import MatrixConv2d, conv4, conv4_classifier, mlp
from polytask.meta.normalization import check_normalization, normalized, uses_batch_statistics
from polytask.meta.optimization import (
    ALFA,
    AdaptiveRates,
    KroneckerCurvature,
    LearnedRates,
    MetaCurvature,
    MetaSGD,
)
from polytask.meta.per_step import PerStepBatchNorm, with_per_step_normalization

__all__ = [
    "PlasticLayer",
    "PlasticNetwork",
    "MatrixConv2d",
    "Compiled",
    "FittedVmap",
    "peak_bytes",
    "run_each",
    "ALFA",
    "ANIL",
    "AdaptiveRates",
    "BOIL",
    "CAVIA",
    "GradientLearner",
    "IMAML",
    "KroneckerCurvature",
    "LearnedRates",
    "MAMLPlusPlus",
    "MetaCurvature",
    "MetaObjective",
    "MetaSGD",
    "MultiStepLoss",
    "PerStepBatchNorm",
    "ProtoMAML",
    "Reptile",
    "WithContext",
    "with_per_step_normalization",
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
