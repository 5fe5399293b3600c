from .log_mel import LogMel, mel_filters
from .numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding, quantile_edges
from .pretrained_image import TimmEncoder, timm_encoder
from .pretrained_text import SentenceEncoder
from .resnet import ResNet
from .sound import SoundEncoder
from .tabm import TabM, TabMHead, member_task
from .text import TokenBag, token_ids

__all__ = [
    "LogMel",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "SentenceEncoder",
    "SoundEncoder",
    "TabM",
    "TabMHead",
    "TimmEncoder",
    "TokenBag",
    "mel_filters",
    "member_task",
    "quantile_edges",
    "timm_encoder",
    "token_ids",
]
