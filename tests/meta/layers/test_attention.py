"""Attention against torch's."""

import torch

from polytask.core import seeded
from polytask.meta.layers.attention import Attention


def test_attention_is_that_of_torch():
    with seeded(0):
        found = Attention(8, 2)
        reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        queries, rows = torch.randn(5, 8), torch.randn(6, 8)
    parts = [found.to_queries, found.to_keys, found.to_values]
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        reference.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        reference.out_proj.load_state_dict(found.to_outputs.state_dict())
    known = torch.tensor([True, True, False, True, False, True])
    expected, _ = reference(queries[None], rows[None], rows[None], key_padding_mask=~known[None])
    torch.testing.assert_close(found(queries, rows, rows, known), expected[0])


def test_attention_to_nothing_is_the_bias_of_the_outputs():
    with seeded(0):
        layer = Attention(8, 2)
    found = layer(torch.randn(3, 8), torch.randn(4, 8), torch.randn(4, 8), torch.zeros(4).bool())
    torch.testing.assert_close(found, layer.to_outputs.bias.expand(3, 8))
