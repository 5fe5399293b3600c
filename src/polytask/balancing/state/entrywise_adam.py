"""Adam for a few numbers of which not all are present in every step."""

import torch
from torch import Tensor, nn

__all__ = ["EntrywiseAdam"]

_DECAYS = (0.9, 0.999)


class EntrywiseAdam(nn.Module):
    """Adam with a count of steps for every entry, so that an entry that is absent is left alone.

    Args:
        n: The number of entries.
        rate: The learning rate.
        minimum: Added to the root of the mean square that a step is divided by.

    References:
        Diederik Kingma, Jimmy Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv:1412.6980,
        Algorithm 1. Deviation: an entry whose gradients were all zero does not move, also with a floor of 0.

    Example:
        >>> adam = EntrywiseAdam(3, rate=0.1)
        >>> adam(torch.tensor([2, 0]), torch.tensor([5.0, -0.01]).double())
        tensor([-0.1000,  0.1000], dtype=torch.float64)
    """

    moments: Tensor
    steps: Tensor

    def __init__(self, n: int, *, rate: float, minimum: float = 0.0) -> None:
        super().__init__()
        self.rate, self.minimum = rate, minimum
        self.register_buffer("moments", torch.zeros(n, 2, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros(n, dtype=torch.long))

    def forward(self, indices: Tensor, slope: Tensor) -> Tensor:
        """Return what to add to the entries at ``indices``, given their gradient, both ``[entry]``."""
        self.steps[indices] += 1
        count = self.steps[indices].to(slope)
        moments = []
        for decay, before, seen in zip(_DECAYS, self.moments[indices].T, (slope, slope.square())):
            moments.append(decay * before + (1 - decay) * seen)
        self.moments[indices] = torch.stack(moments, 1)
        first, second = (moment / (1 - decay**count) for moment, decay in zip(moments, _DECAYS))
        length = second.sqrt() + self.minimum
        return -self.rate * torch.where(length > 0, first / torch.where(length > 0, length, 1.0), 0.0)
