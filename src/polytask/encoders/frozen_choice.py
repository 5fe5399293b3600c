"""Which frozen encoder serves a kind of items here, and encoders by their names."""

import importlib
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.core.names import near_names
from polytask.encoders.frozen import FrozenEncoder, Kind

__all__ = ["FROZEN_ENCODERS", "best_available", "best_encoder", "frozen_encoder", "share_encoders"]


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Kind
    module: str
    factory: str
    fitted: bool = False
    special: bool = False
    """Serves some of its kind only, so it is not taken unasked."""


FROZEN_ENCODERS: Mapping[str, _Entry] = {
    "minilm": _Entry("text", "polytask.encoders.pretrained.minilm", "MiniLM"),
    "minilm-3-layers": _Entry("text", "polytask.encoders.pretrained.minilm", "deep_minilm"),
    "hashed-text": _Entry("text", "polytask.encoders.hashed_text", "HashedText", fitted=True),
    "efficientnet-lite0": _Entry("image", "polytask.encoders.pretrained.efficientnet", "EfficientNetLite"),
    "drawings": _Entry("image", "polytask.encoders.drawings", "DrawingEncoder", special=True),
    "colour-gradients": _Entry("image", "polytask.encoders.frozen_gradients", "ColourGradients"),
    "speech": _Entry("sound", "polytask.encoders.pretrained.speech", "SpeechEmbedding"),
    "log-mel-statistics": _Entry("sound", "polytask.encoders.frozen_log_mel", "LogMelStatistics"),
    "vectors": _Entry("vector", "polytask.encoders.standardized_vectors", "StandardizedVectors", fitted=True),
}
"""The frozen encoders by name; of each kind the best comes first, but for special ones."""


def frozen_encoder(
    name: str, *, corpus: Sequence[Any] | None = None, state: Mapping[str, Tensor] | None = None
) -> FrozenEncoder:
    """Return a frozen encoder by its name.

    Args:
        name: One of `FROZEN_ENCODERS`.
        corpus: Items without labels, for an encoder that learns from them how rare what is.
        state: The `FrozenEncoder.state` of an encoder of this name, to have it again; then no corpus counts.

    Raises:
        InputError: There is no encoder of this name, or its weights are not in the cache.
        MissingPackageError: A package that it needs is not installed.

    Example:
        >>> encoder = frozen_encoder("hashed-text", corpus=["a cat", "a dog"])
        >>> again = frozen_encoder("hashed-text", state=encoder.state)
        >>> again.fingerprint == encoder.fingerprint
        True
    """
    if name not in FROZEN_ENCODERS:
        meant = near_names(name, FROZEN_ENCODERS)
        hint = f"; did you mean {meant[0]!r}?" if meant else "."
        raise InputError(f"There is no encoder {name!r}{hint} There are {', '.join(FROZEN_ENCODERS)}.")
    entry = FROZEN_ENCODERS[name]
    make = getattr(importlib.import_module(entry.module), entry.factory)
    if not entry.fitted:
        return _shared_one(name, make) if _SHARING.is_set() else make()
    return make.from_state(state) if state else make(corpus)


def share_encoders() -> None:
    """Let this process build each encoder that learns nothing once, and use it for all models.

    For a program that keeps many models of the same encoders in memory; their weights never change, and
    several threads may use one at once.
    """
    _SHARING.set()


def _shared_one(name: str, make: Callable[[], FrozenEncoder]) -> FrozenEncoder:
    with _SHARED_LOCK:  # so that two threads do not build the same one
        if name not in _SHARED:
            _SHARED[name] = make()
        return _SHARED[name]


_SHARING, _SHARED_LOCK = threading.Event(), threading.Lock()
_SHARED: dict[str, FrozenEncoder] = {}


def best_encoder(kind: Kind, *, corpus: Sequence[Any] | None = None) -> FrozenEncoder:
    """Return the best frozen encoder of a kind that can be used here; its name says which it is.

    Args:
        kind: ``"text"``, ``"image"`` or ``"sound"``.
        corpus: See `frozen_encoder`.

    Warns:
        DataWarning: The pretrained one cannot be used; the warning says why, and how to have it.

    Raises:
        InputError: There is no such kind.
    """
    encoder, simple = best_available(kind, corpus=corpus)
    if simple:
        warnings.warn(simple, DataWarning, stacklevel=2)
    return encoder


def best_available(kind: Kind, *, corpus: Sequence[Any] | None = None) -> tuple[FrozenEncoder, str]:
    """Return what `best_encoder` does, and what it warns of; empty where it is the pretrained one.

    Raises:
        InputError: There is no such kind.
    """
    names = [name for name, entry in FROZEN_ENCODERS.items() if entry.kind == kind and not entry.special]
    if not names:
        raise InputError(f"`kind` is {kind!r}; use 'text', 'image', 'sound' or 'vector'.")
    reasons = []
    for name in names[:-1]:
        try:
            return frozen_encoder(name, corpus=corpus), ""
        except (InputError, MissingPackageError) as error:
            reasons.append(str(error))
    encoder = frozen_encoder(names[-1], corpus=corpus)
    simple = f"The simple encoder {encoder.name!r} is used, which knows less of the world."
    return encoder, " ".join([simple, *reasons]) if reasons else ""
