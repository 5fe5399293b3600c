"""Learners that adapt in their forward pass: a network reads the support."""

from polytask.meta.model.anp import CANP
from polytask.meta.model.attention import Attention
from polytask.meta.model.batched import run_batched
from polytask.meta.model.cnp import CNP
from polytask.meta.model.conv_cnp import ConvCNP
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner
from polytask.meta.model.latent_np import NP
from polytask.meta.model.tnp import TNPD

__all__ = [
    "Attention",
    "CANP",
    "CNP",
    "Context",
    "ConvCNP",
    "Gaussian",
    "GaussianLearner",
    "NP",
    "TNPD",
    "run_batched",
]
