"""Averages of losses by windows of steps."""

import torch

from polytask.balancing.state.windowed_losses import WindowedLosses


def test_a_window_averages_its_steps():
    losses = WindowedLosses(1, window=3)
    for value in (1.0, 2.0, 6.0, 5.0):
        losses.add(torch.tensor([0]), torch.tensor([value]))
    assert (losses.newer.item(), losses.total.item(), losses.count.item()) == (3.0, 5.0, 1)
