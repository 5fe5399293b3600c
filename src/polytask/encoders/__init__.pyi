from .frozen import FrozenEncoder
from .frozen_choice import best_encoder, frozen_encoder
from .hashed_text import HashedText
from .log_mel import LogMel
from .numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding
from .pretrained.fetching import fetch_models
from .pretrained.minilm import MiniLM
from .pretrained.registry import MODELS
from .pretrained.stored import check_models
from .pretrained_image import TimmEncoder
from .pretrained_text import SentenceEncoder
from .resnet import ResNet
from .sound import SoundEncoder
from .tabm import TabM
from .text import TokenBag

__all__ = [
    "MODELS",
    "FrozenEncoder",
    "HashedText",
    "LogMel",
    "MiniLM",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "SentenceEncoder",
    "SoundEncoder",
    "TabM",
    "TimmEncoder",
    "TokenBag",
    "best_encoder",
    "check_models",
    "fetch_models",
    "frozen_encoder",
]
