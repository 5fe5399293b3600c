from .anp import CANP
from .bar_distribution import BarDistribution, bar_borders
from .class_cnp import ClassCNP
from .cnp import CNP
from .conv_cnp import ConvCNP
from .film_generator import FiLMGenerator
from .gaussian import Context, Gaussian, GaussianLearner
from .latent_np import NP
from .mann import MANN
from .plastic import PlasticNetwork
from .plastic_layer import PlasticLayer
from .prior_episodes import PriorEpisodes
from .prior_fitted import PriorFitted
from .snail import SNAIL
from .tnp import TNPD

__all__ = [
    "BarDistribution",
    "CANP",
    "CNP",
    "ClassCNP",
    "Context",
    "ConvCNP",
    "FiLMGenerator",
    "Gaussian",
    "GaussianLearner",
    "MANN",
    "NP",
    "PlasticLayer",
    "PlasticNetwork",
    "PriorEpisodes",
    "PriorFitted",
    "SNAIL",
    "TNPD",
    "bar_borders",
]
