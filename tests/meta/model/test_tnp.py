"""The transformer process against torch's transformer."""

import torch

from polytask.core import Batch, Task, generator, seeded
from polytask.meta.model import TNPD, Context, GaussianLearner
from polytask.meta.model.tnp import Block

Y = Task(name="y", kind="regression")


def tnpd() -> TNPD:
    with seeded(0, "TNPD"):
        return TNPD(1, width=8, embedder_depth=2, n_layers=2, n_heads=2, feedforward=16)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def answers(learner: GaussianLearner, support: Batch, inputs: torch.Tensor):
    found = learner.distribution(learner.learn([Y], support), [Y], inputs)["y"]
    return torch.stack([found.mean, found.std])


def context_of(batch: Batch) -> Context:
    y = batch.targets["y"].unsqueeze(1)
    every = torch.ones_like(y).bool()
    assert isinstance(batch.inputs, torch.Tensor)
    return Context(x=batch.inputs, y=y, known=every[:, 0], labels=every)


def test_a_tnpd_is_the_transformer_with_the_mask_of_the_paper():
    learner, support, query = tnpd(), examples(6), examples(5, "q")
    assert isinstance(query.inputs, torch.Tensor)
    context, zeros = context_of(support), torch.zeros(5, 1)
    tokens = torch.cat([torch.cat([context.x, context.y], 1), torch.cat([query.inputs, zeros], 1)])
    blocked = torch.zeros(11, 11).bool()
    blocked[:, 6:] = True  # every token sees the six of the support, and no other
    hidden = learner.embedder(tokens)[None]
    for block in learner.blocks:
        assert isinstance(block, Block)
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        parts = [block.attention.to_queries, block.attention.to_keys, block.attention.to_values]
        with torch.no_grad():
            layer.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
            layer.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        layer.self_attn.out_proj.load_state_dict(block.attention.to_outputs.state_dict())
        layer.norm1.load_state_dict(block.after_attention.state_dict())
        layer.norm2.load_state_dict(block.after_feedforward.state_dict())
        layer.linear1.load_state_dict(block.feedforward[0].state_dict())
        layer.linear2.load_state_dict(block.feedforward[2].state_dict())
        hidden = layer(hidden, src_mask=blocked)
    raw = learner.head(hidden[0, 6:])
    torch.testing.assert_close(answers(learner, support, query.inputs)[0], raw[:, :1])
