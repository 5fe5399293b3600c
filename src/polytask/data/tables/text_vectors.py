"""Vectors of texts by a pretrained encoder, which a room above this one has."""

from collections.abc import Callable, Sequence

import numpy as np

from polytask.core import InputError

__all__ = ["TextVectors", "provide_text_vectors", "text_vectors"]

TextVectors = Callable[[str, Sequence[str]], tuple[str, np.ndarray]]
"""From the name of an encoder and texts to its fingerprint and float32 ``[text, number]``."""

_PROVIDED: list[TextVectors] = []


def provide_text_vectors(function: TextVectors) -> None:
    """Say where vectors come from; the last call counts."""
    _PROVIDED[:] = [function]


def text_vectors(encoder: str, texts: Sequence[str], *, fingerprint: str = "") -> tuple[str, np.ndarray]:
    """Return the fingerprint of an encoder, and the vectors of texts ``[text, number]``.

    Args:
        encoder: Its name.
        texts: Not missing ones.
        fingerprint: What it has to be; empty for whatever it is.

    Raises:
        InputError: There is no such encoder here, or it is another one than before.
    """
    if not _PROVIDED:
        raise InputError(f"No room has provided the text encoder {encoder!r}; import `polytask.models`.")
    found, vectors = _PROVIDED[0](encoder, texts)
    if fingerprint and found != fingerprint:
        raise InputError(
            f"The text encoder {encoder!r} has other weights here than where the model was trained: install "
            "the version of then, or train the model again."
        )
    return found, vectors
