"""The cell against torch's."""

import torch
from torch import nn

from polytask.meta.layers.lstm_cell import LSTMCell


def test_the_cell_is_torchs() -> None:
    ours, torchs = LSTMCell(3, 4), nn.LSTMCell(3, 4)
    for own, other in (("inputs", "ih"), ("hidden", "hh")):
        for kind in ("weight", "bias"):
            getattr(getattr(ours, own), kind).data.copy_(getattr(torchs, f"{kind}_{other}").data)
    x, hidden, cell = torch.randn(2, 3), torch.randn(2, 4), torch.randn(2, 4)
    torch.testing.assert_close(ours(x, hidden, cell), torchs(x, (hidden, cell)))
