"""Trunks of tables."""

import torch
from torch import nn

from polytask.architectures import table_trunk


def test_a_table_trunk_is_layers_with_relu_and_dropout():
    torch.manual_seed(0)
    trunk, rows = table_trunk(3, [50, 40], dropout=0.5), torch.randn(4, 3)
    first, second = (layer for layer in trunk if isinstance(layer, nn.Linear))
    torch.testing.assert_close(trunk.eval()(rows), second(first(rows).relu()).relu())
    dropped = trunk.train()(rows[:1].expand(2000, -1))
    assert float((dropped == 0).double().mean(0).min()) > 0.4 and not torch.equal(dropped[0], dropped[1])
