"""Texts as the average of what their words and pieces of words mean, without a vocabulary."""

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["WORD", "TokenBag", "cut_tokens", "token_ids"]

WORD = re.compile(r"\w+")


class TokenBag(nn.Module):
    r"""Average the vectors of a text's tokens; the order of the tokens does not count.

    .. math::
        \frac{1}{|\{i : t_i > 0\}|} \sum_{i : t_i > 0} v_{t_i}

    A text without tokens becomes zeros. Unlike `torch.nn.EmbeddingBag` it has second derivatives, so that it
    serves in an inner loop.

    Args:
        n_buckets: Tokens are numbers from 1 to this; 0 fills up a row. See `token_ids`.
        width: Width of the representation.

    Raises:
        InputError: A size is below 1; or, when run, the inputs are not rows of integers, or one is too large.

    References:
        Armand Joulin, Edouard Grave, Piotr Bojanowski, Tomas Mikolov, "Bag of Tricks for Efficient Text
        Classification", EACL 2017, arXiv:1607.01759. Deviation: vectors start normally distributed.

    Example:
        >>> bag = TokenBag(1000, 16)
        >>> bag(token_ids(["a cat", "two cats"], n_buckets=1000)).shape
        torch.Size([2, 16])
    """

    def __init__(self, n_buckets: int, width: int) -> None:
        super().__init__()
        if min(n_buckets, width) < 1:
            raise InputError(f"`n_buckets` and `width` must be at least 1, got {n_buckets} and {width}.")
        self.n_buckets = n_buckets
        self.vectors = nn.Embedding(n_buckets + 1, width, padding_idx=0)

    def forward(self, inputs: Tensor) -> Tensor:
        """Represent rows of tokens ``[text, token]`` as ``[text, width]``."""
        if inputs.ndim != 2 or inputs.dtype not in (torch.int64, torch.int32):
            raise InputError(
                f"The inputs must be integers [text, token], but are {inputs.dtype} of shape "
                f"{tuple(inputs.shape)}; make them with `token_ids`."
            )
        try:
            vectors = self.vectors(inputs)  # [text, token, width]
        except IndexError as error:  # torch finds it on CPU; to look at the values would halt a GPU each step
            raise InputError(
                f"A token is not from 0 to `n_buckets`, {self.n_buckets}; give `token_ids` the same number."
            ) from error
        known = (inputs > 0).unsqueeze(-1)
        return (vectors * known).sum(1) / known.sum(1).clamp(min=1)


def token_ids(
    texts: Sequence[str],
    *,
    n_buckets: int = 20_000,
    n_tokens: int = 128,
    n_words: int = 2,
    characters: tuple[int, int] | None = (3, 5),
) -> Tensor:
    """Turn words, runs of words, and pieces of words into numbers by a hash, the same everywhere.

    Case does not count. A word is marked at its ends before it is cut into pieces, so that the piece ``<re``
    is a beginning and ``re`` may stand anywhere; a piece never counts as a word of the same letters.

    Args:
        texts: Texts in any script. Where no spaces part the words, pieces of 1 to 2 characters serve.
        n_buckets: Numbers go from 1 to this; two tokens may share one.
        n_tokens: Length of a row. What is more is left out: pieces before runs, runs before words.
        n_words: The longest run of neighbouring words; 1 for words alone.
        characters: The shortest and the longest piece of a word, marks included; None for no pieces.

    Returns:
        long ``[text, token]``, 0 where a text has no more tokens.

    Raises:
        InputError: A size is below 1, or the longest piece is shorter than the shortest.

    References:
        Piotr Bojanowski, Edouard Grave, Armand Joulin, Tomas Mikolov, "Enriching Word Vectors with Subword
        Information", TACL 2017, arXiv:1607.04606, for pieces of words; Kilian Weinberger et al., "Feature
        Hashing for Large Scale Multitask Learning", ICML 2009, arXiv:0902.2206, without its signs.

    Example:
        >>> rows = token_ids(["Blue cat", "cat"], n_words=2, characters=None, n_tokens=4)
        >>> (rows > 0).sum(1).tolist(), bool(rows[0, 1] == rows[1, 0])
        ([3, 1], True)
    """
    if min(n_buckets, n_tokens, n_words) < 1 or (characters and not 1 <= characters[0] <= characters[1]):
        raise InputError(
            "`n_buckets`, `n_tokens` and `n_words` must be at least 1, and `characters` two rising lengths "
            f"or None; got {n_buckets}, {n_tokens}, {n_words} and {characters}."
        )
    rows = torch.zeros(len(texts), n_tokens, dtype=torch.long)
    for row, text in zip(rows, texts, strict=True):
        tokens = islice(cut_tokens(WORD.findall(text.casefold()), n_words, characters), n_tokens)
        numbers = [zlib.crc32(token.encode()) % n_buckets + 1 for token in tokens]
        row[: len(numbers)] = torch.tensor(numbers, dtype=torch.long)
    return rows


def cut_tokens(words: Sequence[str], n_words: int, characters: tuple[int, int] | None) -> Iterator[str]:
    """Yield words, runs of neighbouring words, and pieces of words, as `token_ids` has them."""
    for length in range(1, n_words + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])
    if characters is None:
        return
    for word in words:
        marked = f"<{word}>"
        for length in range(characters[0], characters[1] + 1):
            for start in range(len(marked) - length + 1):
                yield "\0" + marked[start : start + length]
