"""The blocks of SNAIL: causal convolutions and causal attention, each adding channels to its input."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.meta.layers.attention import attention_scores

__all__ = ["CausalAttention", "CausalConvolution", "SequenceBlock"]


class SequenceBlock(nn.Module, ABC):
    """Reads a sequence and gives new channels for each place, from that place and earlier ones.

    Args:
        n_added: How many channels.
    """

    def __init__(self, n_added: int) -> None:
        super().__init__()
        self.n_added = n_added

    @abstractmethod
    def along(self, stream: Tensor, known: Tensor) -> Tensor:
        """Return the new channels of every place of a sequence.

        Args:
            stream: ``[place, channel]``; places that do not count come first and are 0.
            known: Which places count, bool ``[place]``.

        Returns:
            ``[place, n_added]``; at places that do not count, anything.
        """

    @abstractmethod
    def after(self, stream: Tensor, known: Tensor, last: Tensor) -> Tensor:
        """Return the new channels of rows ``[row, channel]``, each the last place after the same sequence."""


class CausalConvolution(SequenceBlock):
    r"""A gated convolution of two places: :math:`\tanh(a) \odot \sigma(b)`, with a and b linear in both.

    Args:
        n_inputs: Channels of the sequence.
        n_added: New channels.
        dilation: How far back the earlier place is; before the sequence there are zeros.
    """

    def __init__(self, n_inputs: int, n_added: int, dilation: int) -> None:
        super().__init__(n_added)
        self.dilation = dilation
        self.earlier = nn.Linear(n_inputs, 2 * n_added, bias=False)
        self.present = nn.Linear(n_inputs, 2 * n_added)

    def along(self, stream: Tensor, known: Tensor) -> Tensor:
        """See `SequenceBlock.along`."""
        shifted = functional.pad(stream, (0, 0, self.dilation, 0))[: len(stream)]
        return _gated(self.earlier(shifted) + self.present(stream))

    def after(self, stream: Tensor, known: Tensor, last: Tensor) -> Tensor:
        """See `SequenceBlock.after`."""
        found = self.present(last)
        if len(stream) >= self.dilation:
            found = found + self.earlier(stream[len(stream) - self.dilation])
        return _gated(found)


class CausalAttention(SequenceBlock):
    r"""Attention of each place to itself and the places before: :math:`\mathrm{softmax}(QK^\top/\sqrt d) V`.

    Args:
        n_inputs: Channels of the sequence.
        key_width: Width :math:`d` of keys and queries.
        n_added: Width of the values, the new channels.
    """

    def __init__(self, n_inputs: int, key_width: int, n_added: int) -> None:
        super().__init__(n_added)
        self.key_width = key_width
        self.to_queries = nn.Linear(n_inputs, key_width)
        self.to_keys = nn.Linear(n_inputs, key_width)
        self.to_values = nn.Linear(n_inputs, n_added)

    def along(self, stream: Tensor, known: Tensor) -> Tensor:
        """See `SequenceBlock.along`."""
        n_places = len(stream)
        causal = torch.ones(n_places, n_places, dtype=torch.bool, device=stream.device).tril()
        scores = attention_scores(self.to_queries(stream), self.to_keys(stream), causal & known)
        return scores.softmax(-1) @ self.to_values(stream)

    def after(self, stream: Tensor, known: Tensor, last: Tensor) -> Tensor:
        """See `SequenceBlock.after`."""
        queries = self.to_queries(last)  # [row, key]
        scores = attention_scores(queries, self.to_keys(stream), known)  # [row, place]
        own = (queries * self.to_keys(last)).sum(-1, keepdim=True) / math.sqrt(self.key_width)
        weights = torch.cat([scores, own], dim=-1).softmax(-1)
        return weights[:, :-1] @ self.to_values(stream) + weights[:, -1:] * self.to_values(last)


def _gated(both: Tensor) -> Tensor:
    value, gate = both.chunk(2, dim=-1)
    return value.tanh() * gate.sigmoid()
