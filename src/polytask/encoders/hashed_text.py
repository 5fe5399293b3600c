"""Texts as weighed words and pieces of words, hashed into a fixed width: no download, no training."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError
from polytask.encoders.frozen import Kind, check_texts
from polytask.encoders.text import WORD, cut_tokens

__all__ = ["HashedText"]

_PREPARATION = "words, pieces of 2 to 4 characters; 1 + log tf; blake2b; length 1"


class HashedText:
    r"""Encode texts by their words and pieces of words of 2 to 4 characters, each weighed by how rare it is.

    A token :math:`t` that occurs :math:`c_t` times adds to one of ``width`` sums, with a sign; both come from
    its hash, so that tokens that share a sum cancel out on average. The vector is scaled to length 1:

    .. math::
        v_j = \sum_{t : b(t) = j} s(t)\,(1 + \log c_t)\,
        \Bigl(1 + \log \frac{1 + n}{1 + \max(n_t, 1)}\Bigr)

    Here :math:`n` is the number of texts it was fitted to, and :math:`n_t` of those with the token. Case and
    the order of words do not count. A text without any word becomes zeros. The same texts give the
    same vectors in any process and on any machine.

    Args:
        corpus: Texts that say how rare tokens are, without labels; None weighs all tokens alike.
        width: Numbers in a vector.

    Raises:
        InputError: ``corpus`` holds something else than texts, or ``width`` is below 1.

    References:
        Kilian Weinberger, Anirban Dasgupta, John Langford, Alex Smola, Josh Attenberg, "Feature Hashing for
        Large Scale Multitask Learning", ICML 2009, arXiv:0902.2206; Karen Spärck Jones, "A Statistical
        Interpretation of Term Specificity and Its Application in Retrieval", Journal of Documentation 28,
        1972. Deviation: a token that was met in no text counts as one that was met in one.

    Example:
        >>> encoder = HashedText(["pay my bill", "pay the rent", "is it cold"])
        >>> bill, rent, cold = encoder.encode(["a bill to pay", "rent to pay", "so cold"])
        >>> encoder.width, bool(bill @ rent > bill @ cold)
        (1024, True)
    """

    name = "hashed-text"
    kind: Kind = "text"

    def __init__(self, corpus: Sequence[str] | None = None, *, width: int = 1024) -> None:
        if width < 1:
            raise InputError(f"`width` must be at least 1, got {width}.")
        self.width = width
        self._n_texts = 0
        self._counts: dict[int, int] = {}
        if corpus is not None:
            check_texts(corpus, 1)
            met = Counter(number for text in corpus for number in _numbers(set(_tokens(text))))
            self._n_texts = len(corpus)
            self._counts = {number: count for number, count in sorted(met.items()) if count > 1}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "HashedText":
        """Return the encoder that had this `state`."""
        encoder = cls(width=int(state["width"]))
        encoder._n_texts = int(state["n_texts"])
        encoder._counts = dict(zip(state["tokens"].tolist(), state["counts"].tolist(), strict=True))
        return encoder

    @property
    def state(self) -> Mapping[str, Tensor]:
        """How many texts there were, and in how many of them the tokens that several have."""
        return {
            "width": torch.tensor(self.width),
            "n_texts": torch.tensor(self._n_texts),
            "tokens": torch.tensor(list(self._counts), dtype=torch.long),  # [token], by hash
            "counts": torch.tensor(list(self._counts.values()), dtype=torch.long),
        }

    @property
    def fingerprint(self) -> str:
        """A digest of the state and of how texts are read."""
        digest = hashlib.sha256(f"{self.name};{_PREPARATION}".encode())
        for tensor in self.state.values():
            digest.update(np.ascontiguousarray(tensor.numpy(), dtype="<i8").tobytes())
        return digest.hexdigest()

    def encode(self, items: Sequence[str], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[text, width]`` of length 1, or zeros where a text has no word.

        Args:
            items: Texts.
            batch_size: Without effect: each text is encoded by itself.

        Raises:
            InputError: An item is no text.
        """
        check_texts(items, batch_size)
        vectors = np.zeros((len(items), self.width))
        for vector, text in zip(vectors, items, strict=True):
            counted = Counter(_tokens(text))
            numbers = list(_numbers(counted))
            values = [
                (1 + math.log(count)) * self._rarity(number)
                for number, count in zip(numbers, counted.values(), strict=True)
            ]
            hashed = np.array(numbers, dtype=np.int64)
            signs = 1.0 - 2.0 * (hashed & 1)
            np.add.at(vector, (hashed >> 1) % self.width, signs * np.array(values))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return torch.from_numpy((vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32))

    def _rarity(self, number: int) -> float:
        if not self._n_texts:
            return 1.0
        return 1 + math.log((1 + self._n_texts) / (1 + self._counts.get(number, 1)))


def _tokens(text: str) -> Iterator[str]:
    return cut_tokens(WORD.findall(text.casefold()), 1, (2, 4))


def _numbers(tokens: Iterable[str]) -> Iterator[int]:
    """Hash tokens to 63 bits, the same in every process."""
    for token in tokens:
        digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        yield int.from_bytes(digest, "little") >> 1
