"""Losses averaged over windows of steps: what a method remembers of earlier epochs."""

import torch
from torch import Tensor, nn

from polytask.core import InputError

__all__ = ["WindowedLosses"]


class WindowedLosses(nn.Module):
    """Keeps the averages of each objective's loss over its last two full windows.

    An objective's window is filled by the steps that have it, so its state stands still while it is absent.

    Args:
        n_objectives: How many objectives there are.
        window: Steps in a window; an epoch of the papers.

    Raises:
        InputError: The window is shorter than one step.

    Example:
        >>> losses = WindowedLosses(2, window=1)
        >>> for value in (4.0, 3.0):
        ...     losses.add(torch.tensor([1]), torch.tensor([value]))
        >>> losses.n_windows, losses.older, losses.newer
        (tensor([0, 2]), tensor([0., 4.]), tensor([0., 3.]))
    """

    total: Tensor
    count: Tensor
    n_windows: Tensor
    newer: Tensor
    older: Tensor

    def __init__(self, n_objectives: int, *, window: int) -> None:
        super().__init__()
        if window < 1:
            raise InputError(f"`window` must be at least 1 step, got {window}.")
        self._window = window
        self.register_buffer("total", torch.zeros(n_objectives))  # of the window that fills, [objective]
        self.register_buffer("count", torch.zeros(n_objectives, dtype=torch.long))
        self.register_buffer("n_windows", torch.zeros(n_objectives, dtype=torch.long))
        self.register_buffer("newer", torch.zeros(n_objectives))
        self.register_buffer("older", torch.zeros(n_objectives))

    def add(self, indices: Tensor, losses: Tensor) -> None:
        """Take note of the losses of a step.

        Args:
            indices: Indices of its objectives, long ``[present]``.
            losses: ``[present]``.
        """
        self.total[indices] += losses.to(self.total)
        self.count[indices] += 1
        full = indices[(self.count[indices] == self._window).to(indices.device)]
        self.older[full] = self.newer[full]
        self.newer[full] = self.total[full] / self._window
        self.n_windows[full] += 1
        self.total[full] = 0
        self.count[full] = 0
