"""Learners that adapt in their forward pass: a network reads the support."""

from polytask.meta.model.anp import CANP
from polytask.meta.model.attention import Attention
from polytask.meta.model.bar_distribution import BarDistribution, bar_borders
from polytask.meta.model.class_cnp import ClassCNP
from polytask.meta.model.cnp import CNP
from polytask.meta.model.conv_cnp import ConvCNP
from polytask.meta.model.film_generator import FiLMGenerator
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner
from polytask.meta.model.latent_np import NP
from polytask.meta.model.mann import MANN
from polytask.meta.model.plastic import PlasticNetwork
from polytask.meta.model.plastic_layer import PlasticLayer
from polytask.meta.model.prior_episodes import PriorEpisodes
from polytask.meta.model.prior_fitted import PriorFitted
from polytask.meta.model.snail import SNAIL
from polytask.meta.model.tnp import TNPD

__all__ = [
    "Attention",
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
