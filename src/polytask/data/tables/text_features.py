"""Text as features: its words and runs of characters, hashed into a few numbers, and what it means."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from polytask.core import InputError, MissingPackageError
from polytask.data.tables.column import column_categories
from polytask.data.tables.encoded_column import EncodedColumn
from polytask.data.tables.text_vectors import text_vectors

__all__ = [
    "HASHED",
    "N_FEATURES",
    "N_PIECES",
    "TextFeatures",
    "piece_counts",
    "piece_weights",
    "text_features",
]

N_PIECES = 4096
"""How many pieces of text are told apart, each by its hash: words in the first half, runs in the second."""

N_FEATURES = 256
"""Of a column of text."""

HASHED = "hashed-text"
"""The encoder of texts that needs no weights: words and runs of characters alone."""

_USUAL = "minilm"
_MOST_UNASKED = 10_000  # different texts: a minute or two
_HALF = N_PIECES // 2
_LENGTH = 4.0  # of the words' features, and of the runs': a text weighs as much as some numbers
_RUNS = (3, 4, 5)  # characters
_LONGEST = 2000  # characters of a text that count
_AT_ONCE = 4096  # texts
_WORD = re.compile(r"\w+")
_MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFeatures:
    r"""Text: 256 numbers, into which its words and its runs of characters are hashed.

    A piece that is in a text n times weighs (1 + log n) times how rare it is among the training rows; words
    and pairs of words are in the first half of the numbers, runs of 3 to 5 characters in the second, and each
    half has one length. Text without a piece, and a missing one, is zero throughout. A pretrained encoder,
    where one is asked for, adds its vector less the mean of the training rows, of the same length.

    Args:
        name: The column.
        weights: Of every piece, log((1 + rows) / (1 + rows with the piece)) + 1 of the training rows.
        missing: Whether a further feature is 1 where the text is missing.
        kind: Always ``"text"``.
        encoder: The pretrained encoder, see `polytask.encoders.frozen_encoder`; empty for none.
        fingerprint: Of the encoder that was used in training.
        centre: The mean of its vectors over the training rows.

    References:
        Weinberger et al. Feature Hashing for Large Scale Multitask Learning. ICML 2009, arXiv:0902.2206.
        Pieces share one of 4,096 weights, where the paper has no weights, and signs come from the same hash.
    """

    name: str
    weights: tuple[float, ...]
    missing: bool
    kind: Literal["text"]
    encoder: str = ""
    fingerprint: str = ""
    centre: tuple[float, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for every feature."""
        named = [f"{self.name}: text {index}" for index in range(N_FEATURES)]
        named += [f"{self.name}: {self.encoder} {index}" for index in range(len(self.centre))]
        return (*named, f"{self.name} is missing") if self.missing else tuple(named)

    def encode(self, column: pd.Series) -> EncodedColumn:
        """Encode the rows of a column."""
        codes, values = pd.factorize(column_categories(column))  # code -1, the last row, for a missing one
        distinct = np.zeros((len(values) + 1, len(self.feature_names)), dtype=np.float32)
        weights = np.array(self.weights)
        for first in range(0, len(values), _AT_ONCE):
            texts = values[first : first + _AT_ONCE].tolist()
            rows, pieces, counts = piece_counts(texts)
            hashed = _hashed(rows, pieces, (1 + np.log(counts)) * weights[pieces], len(texts))
            distinct[first : first + len(texts), :N_FEATURES] = hashed
        if self.encoder and len(values):
            distinct[:-1, N_FEATURES : N_FEATURES + len(self.centre)] = self._meanings(values.tolist())
        if self.missing:
            distinct[-1, -1] = 1.0
        return EncodedColumn(features=distinct[codes])

    def _meanings(self, texts: Sequence[str]) -> np.ndarray:
        """Return the centred vectors of texts ``[text, number]``, each of one length."""
        _, vectors = text_vectors(self.encoder, _shortened(texts), fingerprint=self.fingerprint)
        if vectors.shape[1] != len(self.centre):
            raise InputError(f"The column {self.name!r} has {len(self.centre)} numbers of its text encoder.")
        centred = vectors - np.array(self.centre, dtype=np.float32)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        return _LENGTH * centred / np.maximum(lengths, 1e-6)


def text_features(
    name: str, texts: Sequence[str], *, missing: bool, encoder: str | None = HASHED
) -> tuple[TextFeatures, str]:
    """Fit the features of a column on the texts of training rows.

    Args:
        name: The column.
        texts: Of the training rows, those that have one.
        missing: Whether some have none.
        encoder: A pretrained encoder by name, whose vectors are features, too; ``"hashed-text"`` for none;
            None for ``"minilm"`` where its weights are here and there are at most 10,000 different texts.

    Returns:
        The features, and what is to be said of them.

    Raises:
        InputError: There is no such encoder here.
    """
    hashed = TextFeatures(name=name, weights=piece_weights(texts), missing=missing, kind="text")
    if encoder == HASHED:
        return hashed, ""
    codes, values = pd.factorize(np.array(_shortened(texts), dtype=object))
    if encoder is None and len(values) > _MOST_UNASKED:
        return (
            hashed,
            f"; what {len(values):,} texts mean is looked at only if `text_encoder` names an encoder",
        )
    used = encoder or _USUAL
    try:
        fingerprint, vectors = text_vectors(used, values.tolist())
    except (InputError, MissingPackageError) as error:
        if encoder is not None:
            raise
        return hashed, f"; what it means is not looked at ({str(error).rstrip('.')})"
    shares = np.bincount(codes, minlength=len(values)) / len(codes)
    centre = tuple(np.round(shares @ vectors.astype(np.float64), 6).tolist())
    return (
        replace(hashed, encoder=used, fingerprint=fingerprint, centre=centre),
        f", and {len(centre)} by its meaning ({used})",
    )


def _shortened(texts: Sequence[str]) -> list[str]:
    return [text[:_LONGEST] for text in texts]


def piece_weights(texts: Sequence[str]) -> tuple[float, ...]:
    """Fit the weights of pieces on the texts of training rows."""
    n_with = np.zeros(N_PIECES)
    for first in range(0, len(texts), _AT_ONCE):
        _, pieces, _ = piece_counts(texts[first : first + _AT_ONCE])
        n_with += np.bincount(pieces, minlength=N_PIECES)
    weights = np.log((1 + len(texts)) / (1 + n_with)) + 1
    return tuple(np.round(weights, 4).tolist())


def piece_counts(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the pieces of texts; upper case does not count, nor what is beyond 2,000 characters.

    Returns:
        Of each piece in each text that has it: the index of the text, of the piece, and how often it is
        there, each int64 ``[entry]``.

    Example:
        >>> rows, pieces, counts = piece_counts(["ab AB"])  # twice ab, once "ab ab"; " ab", "ab ", "b a" ...
        >>> counts[pieces < 2048].tolist(), int(counts[pieces >= 2048].sum())
        ([2, 1], 12)
    """
    lowered = [f" {text[:_LONGEST].lower()} " for text in texts]
    rows, pieces = _runs(lowered)
    for row, text in enumerate(lowered):
        words = _WORD.findall(text)
        words += [f"{one} {two}" for one, two in pairwise(words)]
        rows.append(np.full(len(words), row, dtype=np.int64))
        pieces.append(np.array([zlib.crc32(word.encode()) % _HALF for word in words], dtype=np.int64))
    keys = np.concatenate(rows) * N_PIECES + np.concatenate(pieces)
    distinct, counts = np.unique(keys, return_counts=True)
    return distinct // N_PIECES, distinct % N_PIECES, counts.astype(np.int64)


def _runs(texts: Sequence[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Hash all runs of characters of texts at once: the text of each, and its piece."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    letters = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.uint64)
    row_of = np.repeat(np.arange(len(texts)), lengths)  # [letter]
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(letters))  # letters until the text's end
    rows, pieces = [], []
    for length in _RUNS:
        starts = np.flatnonzero(left >= length)
        hashed = np.full(len(starts), length, dtype=np.uint64)
        for offset in range(length):
            hashed = (hashed ^ letters[starts + offset]) * _MIXER
            hashed ^= hashed >> np.uint64(29)
        rows.append(row_of[starts])
        pieces.append(_HALF + (hashed % np.uint64(_HALF)).astype(np.int64))
    return rows, pieces


def _hashed(rows: np.ndarray, pieces: np.ndarray, values: np.ndarray, n_rows: int) -> np.ndarray:
    """Add signed pieces into few features ``[row, feature]``, and bring both halves to one length."""
    width = N_FEATURES // 2
    feature_of = pieces // _HALF * width + pieces % width
    signed = np.where(pieces // width % 2 == 0, values, -values)
    dense = np.bincount(rows * N_FEATURES + feature_of, signed, minlength=n_rows * N_FEATURES)
    halves = dense.reshape(n_rows, 2, width)
    norms = np.linalg.norm(halves, axis=2, keepdims=True)
    return (_LENGTH * halves / np.where(norms > 0, norms, 1)).reshape(n_rows, N_FEATURES)
