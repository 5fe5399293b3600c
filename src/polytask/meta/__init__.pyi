from . import initialization, metric, model, optimization
from .adaptation.gradient_learner import GradientLearner
from .catalogue import learner_by_name, learner_names
from .image_task import ImageTask
from .layers.networks import conv4, conv4_classifier, mlp

__all__ = [
    "GradientLearner",
    "ImageTask",
    "conv4",
    "conv4_classifier",
    "initialization",
    "learner_by_name",
    "learner_names",
    "metric",
    "mlp",
    "model",
    "optimization",
]
