"""How much better an action was than expected."""

import torch
from torch import Tensor

__all__ = ["generalized_advantages"]


def generalized_advantages(
    rewards: Tensor, values: Tensor, done: Tensor, *, discount: float = 0.99, decay: float = 0.95
) -> Tensor:
    r"""Return :math:`A_t = \sum_l (\gamma \lambda)^l (r_{t+l} + \gamma V_{t+l+1} - V_{t+l})` up to the end.

    Args:
        rewards: ``[..., time]``.
        values: Of the states before each action and after the last one, ``[..., time + 1]``.
        done: Where an episode ended with the action, bool ``[..., time]``; nothing flows back across.
        discount: The factor :math:`\gamma`.
        decay: The factor :math:`\lambda`: 0 trusts the values, 1 the rewards.

    Returns:
        ``[..., time]``.

    Example:
        >>> zeros = torch.zeros(1, 3, dtype=torch.bool)
        >>> generalized_advantages(torch.ones(1, 3), torch.zeros(1, 4), zeros, discount=1.0, decay=1.0)
        tensor([[3., 2., 1.]])

    References:
        Schulman et al. High-Dimensional Continuous Control Using Generalized Advantage Estimation. ICLR 2016,
        arXiv:1506.02438, equation 16.
    """
    kept = 1 - done.to(rewards.dtype)
    errors = rewards + discount * kept * values[..., 1:] - values[..., :-1]
    found = torch.zeros_like(rewards)
    total = torch.zeros_like(rewards[..., 0])
    for time in range(rewards.shape[-1] - 1, -1, -1):
        total = errors[..., time] + discount * decay * kept[..., time] * total
        found[..., time] = total
    return found
