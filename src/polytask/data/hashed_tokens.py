"""Texts as numbers, without a vocabulary that must be kept."""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["hashed_tokens"]

_WORD = re.compile(r"\w+")


def hashed_tokens(texts: Sequence[str], *, n_buckets: int = 20_000, n_tokens: int = 32) -> Tensor:
    """Turn every word, and every pair of neighbours, into a number.

    Args:
        texts: Texts in any script; case does not matter.
        n_buckets: Numbers go from 1 to this; two words may share one.
        n_tokens: Length of a row; what is more is left out, pairs before words.

    Returns:
        long ``[text, token]``, 0 where a text has no more tokens.

    Raises:
        InputError: ``n_buckets`` or ``n_tokens`` is below 1.

    Example:
        >>> rows = hashed_tokens(["Blue jeans", "blue"], n_buckets=100, n_tokens=4)
        >>> rows.shape, bool(rows[0, 0] == rows[1, 0]), (rows > 0).sum(1).tolist()
        (torch.Size([2, 4]), True, [3, 1])

    References:
        Kilian Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009,
        arXiv:0902.2206.
    """
    if n_buckets < 1 or n_tokens < 1:
        raise InputError(f"`n_buckets` and `n_tokens` must be at least 1, got {n_buckets} and {n_tokens}.")
    rows = torch.zeros(len(texts), n_tokens, dtype=torch.long)
    for row, text in zip(rows, texts):
        words = _WORD.findall(text.casefold())
        tokens = [*words, *(f"{first} {second}" for first, second in pairwise(words))][:n_tokens]
        numbers = [zlib.crc32(token.encode()) % n_buckets + 1 for token in tokens]
        row[: len(numbers)] = torch.tensor(numbers, dtype=torch.long)
    return rows
