"""A gate whose selectors write the number of an expert in smooth bits."""

import math
from functools import reduce

import torch
from torch import Tensor, nn

from polytask.architectures.experts import mix
from polytask.architectures.gates import BuildGate, FlatLinear, build_logits
from polytask.core import InputError
from polytask.core.batch import Inputs

__all__ = ["BinaryGate"]


class BinaryGate(nn.Module):
    """The gate of `DSelectK`: k selectors that write an expert's number in smooth bits, and their weights.

    Args:
        n_experts: How many are weighed; 2 or more.
        n_selected: Number of selectors, k.
        gate: None for a static gate, else see `BuildGate`; called for one logit per selector and bit, then
            one per selector.
        width: Where the smooth step leaves 0 and reaches 1: minus and plus half of it.

    Raises:
        InputError: A number is out of its range.

    Example:
        >>> weights, selectors = BinaryGate(4, n_selected=2)(torch.zeros(5, 3))
        >>> weights.shape, selectors.shape  # static: one row for all examples
        (torch.Size([1, 4]), torch.Size([1, 2, 4]))
    """

    codes: Tensor

    def __init__(
        self, n_experts: int, *, n_selected: int, gate: BuildGate | None = None, width: float = 1.0
    ) -> None:
        super().__init__()
        problems = []
        if n_experts < 2:
            problems.append(f"`n_experts` must be 2 or more, got {n_experts}")
        if not 1 <= n_selected <= n_experts:
            problems.append(f"`n_selected` must be from 1 to `n_experts` = {n_experts}, got {n_selected}")
        if width <= 0:
            problems.append(f"`width` must be positive, got {width}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.n_selected, self.width = n_selected, width
        n_bits = math.ceil(math.log2(n_experts))
        numbers = torch.arange(n_experts)[:, None]
        self.register_buffer("codes", (numbers >> torch.arange(n_bits)) % 2 == 1)  # [expert, bit]
        n_logits = n_selected * (n_bits + 1)
        self.logits = _Static(n_logits) if gate is None else build_logits(gate, n_logits, bias=True)
        if isinstance(self.logits, _Static | FlatLinear):
            self._start(n_selected * n_bits)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return weights ``[batch, expert]`` and the selectors ``[batch, selector, expert]`` behind them."""
        logits: Tensor = self.logits(inputs)  # [batch, selector * (bit + 1)]
        bits, shares = logits.tensor_split([logits.shape[1] - self.n_selected], dim=1)
        ones = _smooth_step(bits.unflatten(1, (self.n_selected, 1, -1)) / self.width)
        factors = torch.where(self.codes, ones, 1 - ones)  # [batch, selector, expert, bit]
        # One factor after the other: the gradient of `prod` first looks for zeros, and waits for them.
        selectors = reduce(torch.mul, factors.unbind(-1))
        return mix(selectors, shares.softmax(-1)), selectors

    def _start(self, n_bit_logits: int) -> None:
        """Start bits close to the middle of the smooth step, where the gradient is largest."""
        for parameter in self.logits.parameters():
            nn.init.uniform_(parameter.data[:n_bit_logits], -self.width / 100, self.width / 100)
            nn.init.uniform_(parameter.data[n_bit_logits:], -0.05, 0.05)


class _Static(nn.Module):
    """Logits that are the same for all inputs."""

    def __init__(self, n_logits: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(n_logits))

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``[1, logit]``."""
        return self.values[None]


def _smooth_step(values: Tensor) -> Tensor:
    """Rise as a cubic from 0 at -1/2 to 1 at 1/2, constant outside."""
    position = (values + 0.5).clamp(0, 1)
    return position.square() * (3 - 2 * position)
