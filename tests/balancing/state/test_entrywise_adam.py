"""Adam of single entries against torch's."""

import torch
from tests.balancing.methods.held_out import numbers
from torch import nn

from polytask.balancing.state.entrywise_adam import EntrywiseAdam


def test_entrywise_adam_is_torchs_where_every_entry_is_present():
    ours, theirs = EntrywiseAdam(3, rate=0.1), nn.Parameter(torch.zeros(3).double())
    optimizer, entries = torch.optim.Adam([theirs], lr=0.1, eps=1e-16), torch.zeros(3).double()
    for step in range(5):
        theirs.grad = numbers(3, seed=step)
        entries = entries + ours(torch.arange(3), theirs.grad)
        optimizer.step()
    torch.testing.assert_close(entries, theirs.detach())
