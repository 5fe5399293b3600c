"""Encoders: turn rows, images, texts and sounds into vectors."""

from polytask.encoders.log_mel import LogMel, mel_filters
from polytask.encoders.numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding, quantile_edges
from polytask.encoders.pretrained_image import TimmEncoder, timm_encoder
from polytask.encoders.pretrained_text import SentenceEncoder
from polytask.encoders.resnet import ResNet
from polytask.encoders.sound import SoundEncoder
from polytask.encoders.tabm import TabM, TabMHead, member_task
from polytask.encoders.text import TokenBag, token_ids

__all__ = [
    "SentenceEncoder",
    "TimmEncoder",
    "timm_encoder",
    "LogMel",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "SoundEncoder",
    "TabM",
    "TabMHead",
    "TokenBag",
    "mel_filters",
    "member_task",
    "quantile_edges",
    "token_ids",
]
