"""Experts: equally built networks that read the same inputs."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.batch import Inputs

__all__ = ["Experts", "mix"]


class Experts(nn.Module):
    """Run several networks on the same inputs and stack what they say.

    Args:
        build: Makes one network, from inputs to ``[batch, ...]``; vectors, maps or sequences.
        n_experts: How many; 1 or more.

    Raises:
        InputError: There is no expert.

    Example:
        >>> Experts(lambda: nn.Linear(3, 8), 4)(torch.zeros(5, 3)).shape  # [batch, expert, feature]
        torch.Size([5, 4, 8])
    """

    def __init__(self, build: Callable[[], nn.Module], n_experts: int) -> None:
        super().__init__()
        if n_experts < 1:
            raise InputError(f"The number of experts must be 1 or more, got {n_experts}.")
        self.networks = nn.ModuleList([build() for _ in range(n_experts)])

    def forward(self, inputs: Inputs) -> Tensor:
        """Return ``[batch, expert, ...]``."""
        return torch.stack([network(inputs) for network in self.networks], dim=1)


def mix(outputs: Tensor, weights: Tensor) -> Tensor:
    """Average the outputs of experts with weights of each example.

    Args:
        outputs: ``[batch, expert, ...]``.
        weights: ``[batch, expert]``.

    Returns:
        ``[batch, ...]``.

    Example:
        >>> outputs = torch.tensor([[[1.0, 10.0], [3.0, 30.0]]])  # one example, two experts
        >>> mix(outputs, torch.tensor([[0.5, 0.5]]))
        tensor([[ 2., 20.]])
    """
    return torch.einsum("be...,be->b...", outputs, weights)
