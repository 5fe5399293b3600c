"""An external memory that is read by content and written where it was least recently used."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LRUAMemory"]

_TINY = 1e-6  # inside the root of the cosine: slots start at zero, where it has no derivative


@dataclass(frozen=True, slots=True, kw_only=True)
class LRUAMemory:
    r"""The contents of a memory and how it was used; an access returns a new one.

    With keys :math:`k^j` and gates :math:`g^j` of heads :math:`j`, an access

    - writes: :math:`w_w^j = g^j w_r^j + (1 - g^j) w_{lu}^j`, where :math:`w_r^j` are the weights of the
      previous read and :math:`w_{lu}^j` is 1 at the head's least used slot; these slots are set to 0,
      then :math:`M \leftarrow M + \sum_j w_w^j (k^j)^\top`;
    - reads: :math:`w_r^j = \mathrm{softmax}_i \cos(k^j, M_i)`, :math:`r^j = \sum_i w_{r,i}^j M_i`;
    - notes the use: :math:`w_u \leftarrow \gamma w_u + \sum_j (w_r^j + w_w^j)`.

    Args:
        contents: :math:`M`, ``[batch, slot, width]``.
        weights: :math:`w_r` of the last read, ``[batch, head, slot]``.
        usage: :math:`w_u`, ``[batch, slot]``.

    Example:
        >>> memory = LRUAMemory.empty(torch.zeros(1), n_slots=3, width=2, n_heads=1)
        >>> key = torch.tensor([[[1.0, 2.0]]])
        >>> memory, read = memory.access(key, gates=torch.zeros(1, 1), decay=0.99)
        >>> memory.contents
        tensor([[[1., 2.],
                 [0., 0.],
                 [0., 0.]]])

    References:
        Santoro, Bartunov, Botvinick, Wierstra, Lillicrap. Meta-Learning with Memory-Augmented Neural
        Networks. ICML 2016, arXiv:1605.06065, section on the least recently used access. Where there are
        several heads, each has its own least used slot, the j-th least used for head j.
    """

    contents: Tensor
    weights: Tensor
    usage: Tensor

    @classmethod
    def empty(cls, like: Tensor, *, n_slots: int, width: int, n_heads: int) -> "LRUAMemory":
        """Return a memory of one row that was never used, of the type and place of a tensor."""
        return cls(
            contents=like.new_zeros(1, n_slots, width),
            weights=like.new_zeros(1, n_heads, n_slots),
            usage=like.new_zeros(1, n_slots),
        )

    def access(self, keys: Tensor, gates: Tensor, decay: float) -> tuple["LRUAMemory", Tensor]:
        """Write, then read.

        Args:
            keys: What is written and looked for, ``[batch, head, width]``.
            gates: Between the slots last read (1) and the least used ones (0), ``[batch, head]``.
            decay: :math:`\\gamma`.

        Returns:
            The memory thereafter, and what was read, ``[batch, head, width]``.
        """
        least_used = self._least_used(keys.shape[1])  # [batch, head, slot]
        gate = gates.unsqueeze(-1)
        written = gate * self.weights + (1 - gate) * least_used  # [batch, head, slot]
        kept = self.contents * (1 - least_used.sum(1).unsqueeze(-1))
        contents = kept + written.transpose(1, 2) @ keys  # [batch, slot, width]
        weights = _cosines(keys, contents).softmax(-1)  # [batch, head, slot]
        usage = decay * self.usage + (weights + written).sum(1)
        return LRUAMemory(contents=contents, weights=weights, usage=usage), weights @ contents

    def _least_used(self, n_heads: int) -> Tensor:
        """Give each head a slot, the least used first; earlier slots first where the use is equal."""
        slots = self.usage.argsort(dim=-1, stable=True)[:, :n_heads]  # [batch, head]
        places = torch.arange(self.usage.shape[-1], device=slots.device)
        return (slots.unsqueeze(-1) == places).to(self.usage.dtype)


def _cosines(keys: Tensor, contents: Tensor) -> Tensor:
    """Return the cosine of every key with every slot, ``[batch, head, slot]``."""
    lengths = keys.square().sum(-1).unsqueeze(2) * contents.square().sum(-1).unsqueeze(1)
    return (keys @ contents.transpose(1, 2)) / (lengths + _TINY).sqrt()
