from .fetching import fetch_models
from .location import cache_folder
from .registry import MODELS, PretrainedFile, PretrainedModel
from .stored import check_models, model_file

__all__ = [
    "MODELS",
    "PretrainedFile",
    "PretrainedModel",
    "cache_folder",
    "check_models",
    "fetch_models",
    "model_file",
]
