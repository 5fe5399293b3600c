"""Gates: from what an example looks like to how much each expert counts for it."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.batch import Inputs, map_inputs

__all__ = ["BuildGate", "FlatLinear", "SoftmaxGate", "build_logits"]

BuildGate: TypeAlias = int | Callable[[int], nn.Module]
"""What a gate's network is built from.

The number of features that a linear layer reads, all tensors of an input flattened and joined; or a function
from a number of logits to a network from inputs to ``[batch, logit]``.
"""


class SoftmaxGate(nn.Module):
    r"""Weigh experts by a softmax.

    .. math:: g(x) = \operatorname{softmax}(W x)

    Args:
        gate: Number of features of ``x``, or what builds another network in place of ``W``; see `BuildGate`.
        n_experts: How many are weighed.

    Example:
        >>> SoftmaxGate(3, 4)(torch.zeros(2, 3))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500],
                [0.2500, 0.2500, 0.2500, 0.2500]], grad_fn=<SoftmaxBackward0>)
    """

    def __init__(self, gate: BuildGate, n_experts: int) -> None:
        super().__init__()
        self.logits = build_logits(gate, n_experts)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return weights ``[batch, expert]`` that sum to 1."""
        return self.logits(inputs).softmax(-1)


class FlatLinear(nn.Module):
    """A linear layer on all that an input holds, flattened and joined.

    Args:
        n_inputs: Numbers in one example.
        n_outputs: Width of the answer.
        bias: Whether a constant is added.

    Raises:
        InputError: An input has another number of features.

    Example:
        >>> layer = FlatLinear(3 * 4 + 2, 5)
        >>> layer({"map": torch.zeros(7, 3, 4), "row": torch.zeros(7, 2)}).shape
        torch.Size([7, 5])
    """

    def __init__(self, n_inputs: int, n_outputs: int, *, bias: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs, bias=bias)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``[batch, output]``."""
        weight, pieces = self.linear.weight, []

        def flatten(tensor: Tensor) -> Tensor:
            pieces.append(tensor.reshape(tensor.shape[0], -1).to(weight.dtype))
            return tensor

        map_inputs(flatten, inputs)
        flat = torch.cat(pieces, dim=1)  # [batch, feature]
        if flat.shape[1] != weight.shape[1]:
            raise InputError(
                f"A linear gate was built for {weight.shape[1]} features, but an example has "
                f"{flat.shape[1]}. Build it with `gate={flat.shape[1]}`, or give a function that builds "
                "another network."
            )
        return self.linear(flat)


def build_logits(gate: BuildGate, n_logits: int, *, bias: bool = False) -> nn.Module:
    """Build the network of a gate, from inputs to ``[batch, logit]``.

    Raises:
        InputError: The number of features is not positive.
    """
    if not isinstance(gate, int):
        return gate(n_logits)
    if gate < 1:
        raise InputError(
            f"`gate` must be 1 feature or more, or a function that builds a network; got {gate}."
        )
    return FlatLinear(gate, n_logits, bias=bias)
