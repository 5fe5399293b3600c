from .log_mel import LogMel
from .numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding
from .pretrained_image import TimmEncoder
from .pretrained_text import SentenceEncoder
from .resnet import ResNet
from .sound import SoundEncoder
from .tabm import TabM
from .text import TokenBag

__all__ = [
    "LogMel",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "SentenceEncoder",
    "SoundEncoder",
    "TabM",
    "TimmEncoder",
    "TokenBag",
]
