"""A transformer layer in which the support attends to itself, and each query to the support and to itself."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.meta.layers.attention import attention_scores, check_heads

__all__ = ["InContextLayer"]


class InContextLayer(nn.Module):
    r"""Attention, then a feed-forward network, each on normalized tokens and added to them.

    .. math:: h' = h + W_o \, \mathrm{softmax}(Q(h) K^\top / \sqrt d) V, \qquad
        h'' = h' + W_2 \, \mathrm{GELU}(W_1 \mathrm{LN}(h'))

    Keys and values are those of the support, made once by `cache`, and for a query also its own: an average
    over the support alone could not tell how large the support is.

    Attention is written out, as torch's fused kernels have no second derivative.

    Args:
        width: Of a token.
        n_heads: Attention heads; a divisor of the width.
        hidden: Of the feed-forward network.
        dropout: After attention and after the feed-forward network.

    Raises:
        InputError: The heads do not divide the width.
    """

    def __init__(self, width: int, n_heads: int, hidden: int, dropout: float = 0.0) -> None:
        check_heads(width, n_heads)
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(width)
        self.to_queries = nn.Linear(width, width)
        self.to_memory = nn.Linear(width, 2 * width)
        self.to_outputs = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def cache(self, tokens: Tensor) -> Tensor:
        """Return keys and values of tokens ``[token, width]``: ``[2, token, width]``."""
        return torch.stack(self.to_memory(self.norm(tokens)).chunk(2, dim=-1))

    def forward(self, tokens: Tensor, cache: Tensor, known: Tensor, *, apart: bool) -> Tensor:
        """Let tokens ``[token, width]`` read the support.

        Args:
            tokens: ``[token, width]``.
            cache: Keys and values of the support, ``[2, row, width]``.
            known: Which rows may be read, bool ``[row]``; where none may, nothing is.
            apart: Whether the tokens are queries, of which each also reads itself and no other.

        Returns:
            ``[token, width]``.
        """
        queries = self._heads(self.to_queries(self.norm(tokens)))  # [head, token, part]
        keys, values = self._heads(cache[0]), self._heads(cache[1])  # [head, row, part]
        scores = attention_scores(queries, keys, known)  # [head, token, row]
        counts = known.to(scores.dtype)
        if not apart:
            read = (scores.softmax(-1) * counts) @ values
        else:
            own_keys, own_values = (self._heads(part) for part in self.cache(tokens).unbind())
            own = (queries * own_keys).sum(-1, keepdim=True) / math.sqrt(queries.shape[-1])
            weights = torch.cat([scores, own], dim=-1).softmax(-1) * functional.pad(counts, (0, 1), value=1.0)
            read = weights[..., :-1] @ values + weights[..., -1:] * own_values
        tokens = tokens + self.dropout(self.to_outputs(read.transpose(0, 1).flatten(1)))
        return tokens + self.feed_forward(tokens)

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.n_heads, -1)).transpose(0, 1)
