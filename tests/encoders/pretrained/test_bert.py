"""BERT as its paper draws it: positions, masks, and residual sums that are normalized afterwards."""

import torch
from torch import nn

from polytask.encoders.pretrained.bert import Bert, bert_weights


def small() -> Bert:
    torch.manual_seed(1)
    bert = Bert(n_tokens=50, width=12, n_layers=2, n_heads=3, n_hidden=24, longest=16).double().eval()
    for parameter in bert.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return bert


def test_a_layer_is_that_of_torch_with_the_same_weights():
    bert = small()
    tokens = torch.randint(1, 50, (2, 7))
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    hidden = bert.norm(bert.words(tokens) + bert.positions.weight[:7] + bert.types.weight[0])
    for own in bert.layers:
        layer = nn.TransformerEncoderLayer(
            12, 3, 24, activation="gelu", layer_norm_eps=1e-12, batch_first=True, dropout=0.0
        ).double()
        parts = [getattr(own, name) for name in ("query", "key", "value")]
        layer.self_attn.in_proj_weight.data = torch.cat([part.weight for part in parts])
        layer.self_attn.in_proj_bias.data = torch.cat([part.bias for part in parts])
        pairs = {
            "attended": layer.self_attn.out_proj,
            "attended_norm": layer.norm1,
            "inner": layer.linear1,
            "outer": layer.linear2,
            "outer_norm": layer.norm2,
        }
        for name, module in pairs.items():
            module.load_state_dict(getattr(own, name).state_dict())
        hidden = layer(hidden, src_key_padding_mask=~mask)
    torch.testing.assert_close(bert(tokens, mask)[-1][mask], hidden[mask])


def test_what_is_masked_has_no_effect():
    bert = small()
    tokens = torch.randint(1, 50, (1, 6))
    mask = torch.tensor([[True] * 4 + [False] * 2])
    other = tokens.clone()
    other[0, 4:] = 49 - other[0, 4:]
    assert torch.equal(bert(tokens, mask)[-1][:, :4], bert(other, mask)[-1][:, :4])


def test_published_names_are_found_and_the_rest_is_left_out():
    bert = small()
    published = {
        "embeddings.word_embeddings.weight": bert.words.weight.detach(),
        "encoder.layer.1.output.LayerNorm.bias": torch.ones(12),
        "pooler.dense.weight": torch.ones(3),
        "embeddings.position_ids": torch.arange(16),
    }
    assert set(bert_weights(published, 2)) == {"words.weight", "layers.1.outer_norm.bias"}
