"""Each neural process by itself: against formulas, numpy and torch's own layers, and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, InputError, Task, generator, seeded
from polytask.meta.layers.attention import Attention
from polytask.meta.model import CANP, CNP, NP, TNPD, Context, ConvCNP, GaussianLearner
from polytask.meta.model.tnp import Block

Y = Task(name="y", kind="regression")


def cnp() -> CNP:
    with seeded(0, "CNP"):
        return CNP(1, width=8, encoder_depth=2, decoder_depth=2)


def canp() -> CANP:
    with seeded(0, "CANP"):
        return CANP(1, width=8, encoder_depth=2, key_depth=2, decoder_depth=2, n_heads=2)


def latent_process(*, attentive: bool = False) -> NP:
    with seeded(0, "NP"):
        return NP(1, attentive=attentive, width=8, n_latent=4, encoder_depth=2, n_heads=2)


def conv_cnp() -> ConvCNP:
    with seeded(0, "ConvCNP"):
        return ConvCNP(points_per_unit=8, channels=8, n_layers=2, kernel_size=5)


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


def test_a_cnp_is_a_mean_of_representations_and_a_decoder():
    learner, support, query = cnp(), examples(6), examples(5, "q").inputs

    def network(layers: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
        first, second = (layer for layer in layers.modules() if isinstance(layer, torch.nn.Linear))
        weights = [tensor.detach().numpy() for layer in (first, second) for tensor in layer.parameters()]
        return np.maximum(rows @ weights[0].T + weights[1], 0) @ weights[2].T + weights[3]

    pairs = np.concatenate([np.asarray(support.inputs), np.asarray(support.targets["y"])[:, None]], axis=1)
    mean = network(learner.encoder, pairs).mean(0)
    raw = network(learner.decoder, np.concatenate([query.numpy(), np.tile(mean, (5, 1))], axis=1))
    expected = np.stack([raw[:, :1], 0.1 + 0.9 * np.log1p(np.exp(raw[:, 1:]))])
    np.testing.assert_allclose(answers(learner, support, query).detach().numpy(), expected, rtol=1e-5)


def context_of(batch: Batch) -> Context:
    y = batch.targets["y"].unsqueeze(1)
    every = torch.ones_like(y).bool()
    assert isinstance(batch.inputs, torch.Tensor)
    return Context(x=batch.inputs, y=y, known=every[:, 0], labels=every)


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


def test_a_canp_of_one_example_attends_to_it_alone():
    learner, support, query = canp(), examples(1), examples(5, "q").inputs
    assert isinstance(query, torch.Tensor)
    row = learner.encoder(torch.cat([context_of(support).x, context_of(support).y], dim=1))  # [1, 8]
    attended = learner.attention.to_outputs(learner.attention.to_values(row)).expand(5, -1)
    raw = learner.decoder(torch.cat([query, attended], dim=1))
    torch.testing.assert_close(answers(learner, support, query)[0], raw[:, :1])


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


@pytest.mark.parametrize("kind", ["CANP", "TNPD"])
def test_heads_that_do_not_divide_the_width_are_an_error(kind):
    build = {"CANP": CANP, "TNPD": TNPD}[kind]
    with pytest.raises(InputError, match="`n_heads` is 3, which does not divide `width` = 8"):
        build(1, width=8, n_heads=3)


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-20, 20), seed=st.integers(0, 1000), n_rows=st.integers(1, 12))
def test_the_answers_of_a_convcnp_move_with_the_data(shift, seed, n_rows):
    learner, support, query = conv_cnp().double(), examples(n_rows, seed), examples(5, seed, "q")
    support, query = support.to("cpu", torch.float64), query.to("cpu", torch.float64)
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query.inputs, torch.Tensor)
    moved = Batch(inputs=support.inputs + shift, targets=support.targets)
    torch.testing.assert_close(
        answers(learner, moved, query.inputs + shift), answers(learner, support, query.inputs)
    )


def test_the_answers_of_a_cnp_do_not_move_with_the_data():
    learner, support, query = cnp(), examples(6), examples(5, "q").inputs
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query, torch.Tensor)
    moved = Batch(inputs=support.inputs + 1, targets=support.targets)
    assert (answers(learner, moved, query + 1) - answers(learner, support, query)).abs().max() > 1e-2


def test_a_convcnp_sees_density_and_smoothed_values_on_its_grid():
    learner, support = conv_cnp(), examples(4)
    seen = []
    learner.lift.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    learner.learn([Y], support)
    x, y = np.asarray(support.inputs)[:, 0], np.asarray(support.targets["y"])
    grid = (x.min() + x.max()) / 2 + np.arange(-32, 33) / 8
    near = np.exp(-0.5 * ((grid[:, None] - x) / 0.25) ** 2)
    expected = np.stack([near.sum(1), near @ y / (near.sum(1) + 1e-8)], axis=1)
    np.testing.assert_allclose(seen[0].detach().numpy(), expected, rtol=1e-3, atol=1e-5)


def test_a_query_off_the_grid_of_a_convcnp_gets_the_answer_without_data():
    learner, support = conv_cnp(), examples(6)
    found = answers(learner, support, torch.tensor([[60.0]]))[0]
    torch.testing.assert_close(found, learner.head.bias[:1].unsqueeze(0))


def test_a_kernel_size_that_is_even_is_an_error():
    with pytest.raises(InputError, match="`kernel_size` must be odd, got 4"):
        ConvCNP(kernel_size=4)


def test_a_span_that_is_no_length_is_an_error():
    with pytest.raises(InputError, match="`span` must be a length above 0, got inf"):
        ConvCNP(span=float("inf"))


def latent(learner: NP, *batches: Batch) -> torch.distributions.Normal:
    contexts = [context_of(batch) for batch in batches]
    x, y = (torch.cat([getattr(context, name) for context in contexts]) for name in ("x", "y"))
    mean, rho = learner.latent(learner.examples(torch.cat([x, y], 1)).mean(0)).chunk(2)
    return torch.distributions.Normal(mean, 0.1 + 0.9 * rho.sigmoid())


@pytest.mark.parametrize("attentive", [False, True])
def test_the_objective_of_a_latent_process_is_its_negative_evidence_bound(attentive):
    learner, support, query = latent_process(attentive=attentive).eval(), examples(6), examples(5, "q")
    prior, posterior = latent(learner, support), latent(learner, support, query)
    state = {"y": learner.learn([Y], support)["y"] | {"latent": posterior.mean}}
    found = learner.distribution(state, [Y], query.inputs)["y"]
    density = torch.distributions.Normal(found.mean, found.std).log_prob(query.targets["y"].unsqueeze(1))
    gap = torch.distributions.kl_divergence(posterior, prior).sum()
    torch.testing.assert_close(learner([Y], support, query), (gap - density.sum()) / 5)


def test_a_latent_vector_is_drawn_in_training_alone():
    learner, support, query = latent_process(), examples(6), examples(5, "q")
    with seeded(0):
        assert learner([Y], support, query) != learner([Y], support, query)
        learner.eval()
        assert learner([Y], support, query) == learner([Y], support, query)


def test_drawn_functions_spread_as_the_latent_vector_does():
    learner, support = latent_process(), examples(6)
    state = learner.adapt([Y], support).state
    draws = torch.stack([learner.draw(state, generator(0, i))["y"]["latent"] for i in range(2000)])
    expected = latent(learner, support)
    assert (draws.mean(0) - expected.mean).abs().max() < 0.1
    torch.testing.assert_close(draws.std(0), expected.stddev.detach(), rtol=0.1, atol=0)


def test_a_drawn_function_is_answered_by_the_same_predictor_again():
    learner, support, query = latent_process(attentive=True), examples(6), examples(5, "q").inputs
    known = learner.adapt([Y], support)
    drawn = learner.predictor([Y], learner.draw(known.state, generator(0)))
    assert torch.equal(drawn(query)["y"], drawn(query)["y"])
    assert not torch.equal(drawn(query)["y"], known(query)["y"])
