from .drawings import DrawingEncoder
from .frozen import FrozenEncoder
from .frozen_choice import best_encoder, frozen_encoder
from .frozen_features import frozen_features
from .frozen_functions import encoder_of
from .frozen_gradients import ColourGradients
from .frozen_log_mel import LogMelStatistics
from .hashed_text import HashedText
from .log_mel import LogMel
from .numeric_embedding import PeriodicEmbedding, PiecewiseLinearEncoding
from .pretrained.efficientnet import EfficientNetLite
from .pretrained.fetching import fetch_models
from .pretrained.minilm import MiniLM
from .pretrained.registry import MODELS
from .pretrained.speech import SpeechEmbedding
from .pretrained.stored import check_models
from .pretrained_image import TimmEncoder
from .pretrained_text import SentenceEncoder
from .resnet import ResNet
from .sound import SoundEncoder
from .tabm import TabM
from .text import TokenBag

__all__ = [
    "MODELS",
    "ColourGradients",
    "DrawingEncoder",
    "EfficientNetLite",
    "FrozenEncoder",
    "HashedText",
    "LogMel",
    "LogMelStatistics",
    "MiniLM",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "ResNet",
    "SentenceEncoder",
    "SoundEncoder",
    "SpeechEmbedding",
    "TabM",
    "TimmEncoder",
    "TokenBag",
    "best_encoder",
    "check_models",
    "encoder_of",
    "fetch_models",
    "frozen_encoder",
    "frozen_features",
]
