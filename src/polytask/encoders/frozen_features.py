"""Vectors of items by a frozen encoder: each content once, and on disk what took time."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from polytask.core import DataWarning, InputError
from polytask.core.files import user_path
from polytask.encoders.frozen import FrozenEncoder, blank_vectors, check_items
from polytask.encoders.frozen_items import item_digest
from polytask.encoders.frozen_store import FeatureStore
from polytask.encoders.pretrained.location import cache_folder

__all__ = ["frozen_features"]

_FEW = 8  # items that are encoded without a look at the disk
_PIECE = 1024  # items after whose encoding their vectors are kept, so that a killed process loses no more


def frozen_features(
    encoder: FrozenEncoder,
    items: Sequence[Any],
    *,
    batch_size: int = 32,
    cache: bool | str | Path | None = None,
) -> Tensor:
    """Return the vectors of items; those that were ever encoded in the same way come from the disk.

    Vectors are found by the encoder's fingerprint and the content of an item, whatever it is called and
    wherever it lies. Items of one content are encoded once. Files are whole or absent, take at most 1 GiB,
    and serve several processes. Nothing is kept for an encoder without a fingerprint, or with a `state`, as
    that is another one for other items.

    Args:
        encoder: The encoder.
        items: Texts, images or sounds.
        batch_size: See `FrozenEncoder.encode`.
        cache: Whether to look for vectors on disk, and keep them there; None for more than 8 items; a folder
            to have them there and not in the cache folder.

    Returns:
        float32 ``[item, width]``.

    Raises:
        InputError: An item cannot be encoded; its index is named.

    Warns:
        DataWarning: Vectors cannot be kept, for example on a full disk.

    Example:
        >>> from polytask.encoders import HashedText
        >>> frozen_features(HashedText(width=16), ["a cat", "two cats", "a cat"]).shape
        torch.Size([3, 16])
    """
    check_items(items, batch_size)
    used = len(items) > _FEW if cache is None else cache is not False
    if not used or not encoder.fingerprint or encoder.state:
        return encoder.encode(items, batch_size=batch_size)
    root = cache_folder() / "features" if cache is None or isinstance(cache, bool) else user_path(cache)
    store = FeatureStore(root, encoder.fingerprint, width=encoder.width)
    digests = [item_digest(item, encoder.kind) for item in items]
    rows = store.load([digest for digest in digests if digest is not None])
    vectors = blank_vectors(len(items), encoder.width)
    missing = _missing(digests, rows)
    for start in range(0, len(missing), _PIECE):
        piece = missing[start : start + _PIECE]
        encoded = _encoded(encoder, items, piece, batch_size)
        vectors[piece] = encoded
        named = [(digest, row) for row, index in enumerate(piece) if (digest := digests[index]) is not None]
        rows |= {digest: encoded[row] for digest, row in named}
        _keep(store, [digest for digest, _ in named], encoded[[row for _, row in named]])
    for index, digest in enumerate(digests):
        if digest is not None:
            vectors[index] = rows[digest]
    return vectors


def _missing(digests: Sequence[bytes | None], rows: dict[bytes, Tensor]) -> list[int]:
    """Return the indices of the items to encode: of each content the first."""
    met = set(rows)
    indices = []
    for index, digest in enumerate(digests):
        if digest is None or digest not in met:
            indices.append(index)
        if digest is not None:
            met.add(digest)
    return indices


def _encoded(encoder: FrozenEncoder, items: Sequence[Any], indices: list[int], batch_size: int) -> Tensor:
    """Encode some of the items; an error names the index among all."""
    try:
        return encoder.encode([items[index] for index in indices], batch_size=batch_size)
    except InputError as error:
        named = re.sub(r"at index (\d+)", lambda found: f"at index {indices[int(found[1])]}", str(error))
        raise type(error)(named) from error


def _keep(store: FeatureStore, digests: list[bytes], vectors: Tensor) -> None:
    if not digests:
        return
    try:
        store.save(digests, vectors)
    except (InputError, OSError) as error:
        warnings.warn(f"Vectors are not kept for the next time: {error}", DataWarning, stacklevel=3)
