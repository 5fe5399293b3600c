"""Encoders: turn rows, images, texts and sounds into vectors."""

from polytask.encoders.numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding, quantile_edges
from polytask.encoders.resnet import ResNet
from polytask.encoders.tabm import TabM, TabMHead, member_task
from polytask.encoders.text import TokenBag, token_ids

__all__ = [
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "TabM",
    "TabMHead",
    "TokenBag",
    "member_task",
    "quantile_edges",
    "token_ids",
]
