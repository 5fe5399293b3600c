"""Neural processes: what all of them hold, the formula of each, learning, and messages."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, run_loop, seeded
from polytask.data.context_episodes import ContextEpisodes
from polytask.data.gaussian_processes import GaussianProcesses, exact_log_likelihood
from polytask.meta import check_meta_gradient, run_vmap
from polytask.meta.model import CANP, CNP, TNPD, Context, ConvCNP, GaussianLearner, run_batched
from polytask.meta.model.attention import Attention
from polytask.meta.model.tnp import Block

Y = Task(name="y", kind="regression")
PAIR = Task(name="a:b", kind="regression", n_outputs=2)

SMALL: dict[str, Callable[..., GaussianLearner]] = {
    "CNP": lambda n_inputs=1, n_outputs=1, **options: CNP(
        n_inputs, n_outputs, width=8, encoder_depth=2, decoder_depth=2, **options
    ),
    "CANP": lambda n_inputs=1, n_outputs=1, **options: CANP(
        n_inputs, n_outputs, width=8, encoder_depth=2, key_depth=2, decoder_depth=2, n_heads=2, **options
    ),
    "ConvCNP": lambda n_inputs=1, n_outputs=1, **options: ConvCNP(
        n_outputs, points_per_unit=8, channels=8, n_layers=2, kernel_size=5, **options
    ),
    "TNPD": lambda n_inputs=1, n_outputs=1, **options: TNPD(
        n_inputs, n_outputs, width=8, embedder_depth=2, n_layers=2, n_heads=2, feedforward=16, **options
    ),
}

every_kind = pytest.mark.parametrize("kind", SMALL)


def small(kind: str, n_inputs: int = 1, n_outputs: int = 1, **options) -> GaussianLearner:
    with seeded(0, kind):
        return SMALL[kind](n_inputs, n_outputs, **options)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def episodes(n_episodes: int = 3) -> list[Episode]:
    return [
        Episode(tasks=(Y,), support=examples(6, "support", i), query=examples(7, "query", i))
        for i in range(n_episodes)
    ]


def answers(learner: GaussianLearner, support: Batch, inputs: torch.Tensor, task: Task = Y):
    found = learner.distribution(learner.learn([task], support), [task], inputs)[task.name]
    return torch.stack([found.mean, found.std])


@every_kind
@pytest.mark.parametrize("execution", ["loop", "vmap", run_batched])
def test_every_one_keeps_the_contract_of_a_learner(kind, execution):
    check_learner(small(kind, execution=execution), episodes())


@every_kind
def test_the_gradient_is_that_of_finite_differences_by_every_execution(kind):
    modes = {"loop": run_loop, "vmap": run_vmap, "batched": run_batched}
    check_meta_gradient(small(kind), episodes(2), modes=modes, seed=3).raise_if_wrong()


def test_batched_episodes_of_several_shapes_come_back_in_order():
    learner = small("CNP")
    mixed = [
        Episode(tasks=(Y,), support=examples(n, "s", n), query=examples(7, "q", n)) for n in (5, 6, 5, 4, 6)
    ]
    torch.testing.assert_close(run_batched(learner, mixed), run_loop(learner, mixed))


@every_kind
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), n_rows=st.integers(1, 12))
def test_the_order_of_the_support_does_not_matter(kind, seed, n_rows):
    learner, support, query = small(kind), examples(n_rows, seed), examples(5, seed, "q").inputs
    shuffled = support.rows(torch.randperm(n_rows, generator=generator(seed)))
    torch.testing.assert_close(
        answers(learner, support, query), answers(learner, shuffled, query), rtol=1e-4, atol=1e-5
    )


@every_kind
def test_rows_without_label_do_not_count(kind):
    learner, whole, query = small(kind), examples(9), examples(5, "q").inputs
    mask = torch.arange(9) < 6
    poisoned = torch.where(mask, whole.targets["y"], torch.nan)
    masked = Batch(inputs=whole.inputs, targets={"y": poisoned}, masks={"y": mask})
    torch.testing.assert_close(
        answers(learner, masked, query), answers(learner, whole.rows(slice(6)), query), rtol=1e-5, atol=1e-6
    )


@every_kind
def test_a_support_where_no_row_counts_still_gives_finite_answers_and_gradients(kind):
    learner, support = small(kind), examples(4)
    empty = Batch(inputs=support.inputs, targets=support.targets, masks={"y": torch.zeros(4).bool()})
    loss = learner([Y], empty, examples(5, "q"))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in learner.parameters())


@every_kind
def test_the_objective_is_the_negative_log_density_of_the_labelled_values(kind):
    learner, support, query = small(kind), examples(6), examples(5, "q")
    mask = torch.tensor([True, True, False, True, True])
    masked = Batch(inputs=query.inputs, targets=query.targets, masks={"y": mask})
    mean, std = answers(learner, support, query.inputs).squeeze(-1)
    expected = -torch.distributions.Normal(mean, std).log_prob(query.targets["y"])[mask].mean()
    torch.testing.assert_close(learner([Y], support, masked), expected)


@every_kind
def test_the_prediction_is_the_mean_of_the_distribution(kind):
    learner, support, query = small(kind), examples(6), examples(5, "q").inputs
    predicted = learner.adapt([Y], support)(query)["y"]
    torch.testing.assert_close(predicted, answers(learner, support, query)[0])


@every_kind
def test_no_standard_deviation_is_below_the_bound(kind):
    learner = small(kind, min_std=0.3)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(5)
    std = answers(learner, examples(6), examples(200, "q").inputs)[1]
    assert std.min() >= 0.3


def two_tasks(n_rows: int) -> Batch:
    draw = generator(1)
    y = torch.randn(n_rows, 4, generator=draw)
    return Batch(inputs=torch.randn(n_rows, 1, generator=draw), targets={"a:b": y[:, :2], "c": y[:, 2:]})


@every_kind
def test_several_tasks_of_several_outputs_are_learned_each_by_itself(kind):
    learner, both = small(kind, 1, 2), two_tasks(6)
    other = Task(name="c", kind="regression", n_outputs=2)
    together = learner.adapt([PAIR, other], both)(both.inputs)
    for task in (PAIR, other):
        alone = learner.adapt([task], both.only([task.name]))(both.inputs)[task.name]
        assert alone.shape == (6, 2)
        torch.testing.assert_close(together[task.name], alone)


@every_kind
def test_a_row_of_which_one_output_is_missing_counts_in_the_query_alone(kind):
    learner, whole = small(kind, 1, 2), two_tasks(6).only(["a:b"])
    mask = torch.ones(6, 2).bool()
    mask[5, 0] = False
    masked = Batch(inputs=whole.inputs, targets=whole.targets, masks={"a:b": mask})
    kept = whole.rows(slice(5))
    torch.testing.assert_close(
        answers(learner, masked, whole.inputs, PAIR), answers(learner, kept, whole.inputs, PAIR)
    )
    mean, std = answers(learner, kept, whole.inputs, PAIR)
    density = torch.distributions.Normal(mean, std).log_prob(whole.targets["a:b"])
    torch.testing.assert_close(learner([PAIR], kept, masked), -density[mask].mean())


@every_kind
def test_training_comes_nearer_to_the_exact_posterior_than_the_prior_is(kind):
    learner = small(kind)
    source = ContextEpisodes(GaussianProcesses(length=(0.6, 0.6), scale=(1.0, 1.0)), noise=0.1)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for index in range(150):
        optimizer.zero_grad()
        learner.objectives(source.step(index)).values.mean().backward()
        optimizer.step()
    family, draw = GaussianProcesses(length=(0.6, 0.6), scale=(1.0, 1.0)), generator(0, "test")
    covariances = family.covariances(64, draw)
    x, y = family.sample_of(covariances, 40, draw)
    y = y + 0.1 * torch.randn(y.shape, generator=draw)
    exact = exact_log_likelihood(covariances, x[:, :20], y[:, :20], x[:, 20:], y[:, 20:], noise=0.1).mean()
    prior = torch.distributions.Normal(0.0, (1 + 0.1**2) ** 0.5).log_prob(y[:, 20:]).mean()
    with torch.no_grad():
        found = -torch.stack(
            [
                learner(
                    [Y],
                    Batch(inputs=points[:20], targets={"y": values[:20]}),
                    Batch(inputs=points[20:], targets={"y": values[20:]}),
                )
                for points, values in zip(x, y)
            ]
        ).mean()
    assert prior + 0.2 < found < exact


def test_a_cnp_is_a_mean_of_representations_and_a_decoder():
    learner, support, query = small("CNP"), examples(6), examples(5, "q").inputs

    def network(layers: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
        first, second = (layer for layer in layers.modules() if isinstance(layer, torch.nn.Linear))
        weights = [tensor.detach().numpy() for layer in (first, second) for tensor in layer.parameters()]
        return np.maximum(rows @ weights[0].T + weights[1], 0) @ weights[2].T + weights[3]

    assert isinstance(learner, CNP)
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
    learner, support, query = small("CANP"), examples(1), examples(5, "q").inputs
    assert isinstance(learner, CANP)
    assert isinstance(query, torch.Tensor)
    row = learner.encoder(torch.cat([context_of(support).x, context_of(support).y], dim=1))  # [1, 8]
    attended = learner.attention.to_outputs(learner.attention.to_values(row)).expand(5, -1)
    raw = learner.decoder(torch.cat([query, attended], dim=1))
    torch.testing.assert_close(answers(learner, support, query)[0], raw[:, :1])


def test_a_tnpd_is_the_transformer_with_the_mask_of_the_paper():
    learner, support, query = small("TNPD"), examples(6), examples(5, "q")
    assert isinstance(learner, TNPD)
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
    learner, support, query = small("ConvCNP").double(), examples(n_rows, seed), examples(5, seed, "q")
    support, query = support.to("cpu", torch.float64), query.to("cpu", torch.float64)
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query.inputs, torch.Tensor)
    moved = Batch(inputs=support.inputs + shift, targets=support.targets)
    torch.testing.assert_close(
        answers(learner, moved, query.inputs + shift), answers(learner, support, query.inputs)
    )


def test_the_answers_of_a_cnp_do_not_move_with_the_data():
    learner, support, query = small("CNP"), examples(6), examples(5, "q").inputs
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query, torch.Tensor)
    moved = Batch(inputs=support.inputs + 1, targets=support.targets)
    assert (answers(learner, moved, query + 1) - answers(learner, support, query)).abs().max() > 1e-2


def test_a_convcnp_sees_density_and_smoothed_values_on_its_grid():
    learner, support = small("ConvCNP"), examples(4)
    assert isinstance(learner, ConvCNP)
    seen = []
    learner.lift.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    learner.learn([Y], support)
    x, y = np.asarray(support.inputs)[:, 0], np.asarray(support.targets["y"])
    grid = (x.min() + x.max()) / 2 + np.arange(-32, 33) / 8
    near = np.exp(-0.5 * ((grid[:, None] - x) / 0.25) ** 2)
    expected = np.stack([near.sum(1), near @ y / (near.sum(1) + 1e-8)], axis=1)
    np.testing.assert_allclose(seen[0].detach().numpy(), expected, rtol=1e-3, atol=1e-5)


def test_a_query_off_the_grid_of_a_convcnp_gets_the_answer_without_data():
    learner, support = small("ConvCNP"), examples(6)
    found = answers(learner, support, torch.tensor([[60.0]]))[0]
    assert isinstance(learner, ConvCNP)
    torch.testing.assert_close(found, learner.head.bias[:1].unsqueeze(0))


def test_a_kernel_size_that_is_even_is_an_error():
    with pytest.raises(InputError, match="`kernel_size` must be odd, got 4"):
        ConvCNP(kernel_size=4)


def test_a_span_that_is_no_length_is_an_error():
    with pytest.raises(InputError, match="`span` must be a length above 0, got inf"):
        ConvCNP(span=float("inf"))


@every_kind
def test_all_wrong_sizes_are_named_at_once(kind):
    with pytest.raises(InputError, match=rf"{kind}: `n_outputs`.*-1; `min_std`.*got 1"):
        small(kind, 1, -1, min_std=1)


def test_a_task_that_is_no_regression_is_an_error():
    batch = Batch(inputs=torch.zeros(3, 1), targets={"cat": torch.zeros(3).long()})
    with pytest.raises(InputError, match="CNP answers regression tasks, but 'cat' is multiclass"):
        small("CNP").adapt([Task(name="cat", kind="multiclass", n_outputs=2)], batch)


def test_a_task_of_another_number_of_outputs_is_an_error():
    with pytest.raises(InputError, match="'a:b' has 2 outputs, but CNP was built with `n_outputs` = 1"):
        small("CNP").adapt([PAIR], two_tasks(3))


def test_inputs_of_another_width_are_an_error():
    batch = Batch(inputs=torch.zeros(3, 2), targets={"y": torch.zeros(3)})
    with pytest.raises(InputError, match="inputs have 2 numbers each, but CNP was built with `n_inputs` = 1"):
        small("CNP").adapt([Y], batch)


def test_inputs_in_a_mapping_are_an_error():
    batch = Batch(inputs={"x": torch.zeros(3, 1)}, targets={"y": torch.zeros(3)})
    with pytest.raises(InputError, match="CNP takes one tensor as inputs, got a mapping"):
        small("CNP").adapt([Y], batch)


def test_a_support_without_the_target_is_an_error():
    with pytest.raises(InputError, match="The batch has no target of task 'y'"):
        small("CNP").learn([Y], Batch(inputs=torch.zeros(3, 1)))
