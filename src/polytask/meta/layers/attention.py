"""Attention from matrix products alone, which torch can differentiate twice and run under vmap."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["Attention", "attention_scores", "check_heads"]


class Attention(nn.Module):
    r"""Multi-head scaled dot-product attention over a set of rows.

    For each head, :math:`\mathrm{softmax}(Q K^\top / \sqrt d) \, V`, then a linear layer over all heads.
    torch's own has a faster kernel, but no second derivative of it.

    Args:
        width: Width of queries, keys, values and the result.
        n_heads: Heads; divides the width.

    Raises:
        InputError: The heads do not divide the width.

    Example:
        >>> rows = torch.randn(7, 8)
        >>> Attention(8, 2)(torch.randn(5, 8), rows, rows, torch.ones(7).bool()).shape
        torch.Size([5, 8])

    References:
        Vaswani et al. Attention Is All You Need. NeurIPS 2017, arXiv:1706.03762, section 3.2.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        check_heads(width, n_heads)
        super().__init__()
        self.n_heads = n_heads
        self.to_queries = nn.Linear(width, width)
        self.to_keys = nn.Linear(width, width)
        self.to_values = nn.Linear(width, width)
        self.to_outputs = nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, known: Tensor) -> Tensor:
        """Average values for each query.

        Args:
            queries: ``[query, width]``.
            keys: ``[row, width]``.
            values: ``[row, width]``.
            known: Which rows count, bool ``[row]``; where none does, the average is 0.

        Returns:
            ``[query, width]``.
        """
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(0, 1)  # [head, query or row, width of a head]
            for part in (self.to_queries(queries), self.to_keys(keys), self.to_values(values))
        )
        weights = attention_scores(q, k, known).softmax(-1) * known.to(q.dtype)  # [head, query, row]
        return self.to_outputs((weights @ v).transpose(0, 1).flatten(1))


def attention_scores(queries: Tensor, keys: Tensor, seen: Tensor | None = None) -> Tensor:
    r"""Return :math:`Q K^\top / \sqrt d`, and for keys that are not seen the lowest number there is.

    The lowest number, as with minus infinity the softmax over no key at all would be NaN.

    Args:
        queries: ``[..., query, width]``.
        keys: ``[..., key, width]``.
        seen: Which keys are, bool, broadcast to ``[..., query, key]``; None means all.

    Returns:
        ``[..., query, key]``.
    """
    products = queries @ keys.mT / math.sqrt(queries.shape[-1])
    return products if seen is None else torch.where(seen, products, torch.finfo(products.dtype).min)


def check_heads(width: int, n_heads: int) -> None:
    """Check that heads divide a width.

    Raises:
        InputError: They do not.
    """
    if n_heads < 1 or width % n_heads:
        raise InputError(f"`n_heads` is {n_heads}, which does not divide `width` = {width}.")
