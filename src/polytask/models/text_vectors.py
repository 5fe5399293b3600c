"""Gives tables the pretrained text encoders, which are in a room that tables do not know."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from polytask.data.tables.text_vectors import provide_text_vectors

if TYPE_CHECKING:  # most tables have no text
    from polytask.encoders.frozen import FrozenEncoder

__all__ = ["provide_pretrained_texts"]


def provide_pretrained_texts() -> None:
    """Let columns of text have vectors of `polytask.encoders.frozen_encoder`."""
    provide_text_vectors(_vectors)


@lru_cache(maxsize=2)
def _encoder(name: str) -> "FrozenEncoder":
    from polytask.encoders.frozen_choice import frozen_encoder

    return frozen_encoder(name)


def _vectors(name: str, texts: Sequence[str]) -> tuple[str, np.ndarray]:
    from polytask.encoders.frozen_features import frozen_features

    encoder = _encoder(name)
    return encoder.fingerprint, frozen_features(encoder, texts).numpy()
