"""Neural processes: what all of them hold, learning, and messages."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.core.learner import run_loop
from polytask.data.episodes.context_episodes import ContextEpisodes
from polytask.data.episodes.gaussian_processes import GaussianProcesses, exact_posterior
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.model import CANP, CNP, NP, TNPD, ConvCNP, GaussianLearner

Y = Task(name="y", kind="regression")
PAIR = Task(name="a:b", kind="regression", n_outputs=2)

SMALL: dict[str, Callable[..., GaussianLearner]] = {
    "CNP": lambda n_inputs=1, n_outputs=1, **options: CNP(
        n_inputs, n_outputs, width=8, encoder_depth=2, decoder_depth=2, **options
    ),
    "CANP": lambda n_inputs=1, n_outputs=1, **options: CANP(
        n_inputs, n_outputs, width=8, encoder_depth=2, key_depth=2, decoder_depth=2, n_heads=2, **options
    ),
    "NP": lambda n_inputs=1, n_outputs=1, **options: NP(
        n_inputs, n_outputs, width=8, n_latent=4, encoder_depth=2, decoder_depth=2, **options
    ),
    "attentive NP": lambda n_inputs=1, n_outputs=1, **options: NP(
        n_inputs, n_outputs, attentive=True, width=8, n_latent=4, encoder_depth=2, n_heads=2, **options
    ),
    "ConvCNP": lambda n_inputs=1, n_outputs=1, **options: ConvCNP(
        n_outputs, points_per_unit=8, channels=8, n_layers=2, kernel_size=5, **options
    ),
    "TNPD": lambda n_inputs=1, n_outputs=1, **options: TNPD(
        n_inputs, n_outputs, width=8, embedder_depth=2, n_layers=2, n_heads=2, feedforward=16, **options
    ),
}

every_kind = pytest.mark.parametrize("kind", SMALL)
without_latent = pytest.mark.parametrize("kind", ["CNP", "CANP", "ConvCNP", "TNPD"])


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
def test_every_one_keeps_the_contract_of_a_learner(kind):
    check_learner(small(kind), episodes())


@every_kind
def test_the_gradient_is_that_of_finite_differences_by_every_execution(kind):
    check_meta_gradient(small(kind), episodes(2), seed=3).raise_if_wrong()


def test_batched_episodes_of_several_shapes_come_back_in_order():
    learner = small("CNP")
    mixed = [
        Episode(tasks=(Y,), support=examples(n, "s", n), query=examples(7, "q", n)) for n in (5, 6, 5, 4, 6)
    ]
    torch.testing.assert_close(run_forward(learner, mixed), run_loop(learner, mixed))


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
    learner.eval()  # a latent vector is drawn in training
    other = Batch(inputs=support.inputs + 1, targets=support.targets, masks=empty.masks)
    nothing = [learner([Y], unknown, examples(5, "q")) for unknown in (empty, other)]
    torch.testing.assert_close(*nothing)
    assert all(p.grad is None or p.grad.isfinite().all() for p in learner.parameters())


@without_latent
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
def test_under_autocast_a_distribution_keeps_its_digits(kind):
    learner, support, query = small(kind), examples(6), examples(5, "q")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mean, std = answers(learner, support, query.inputs)
        found = learner.negative_log_likelihood(learner.context(Y, support), learner.context(Y, query))
    assert mean.dtype == std.dtype == found.dtype == torch.float32
    assert (std.frexp().mantissa * 2**8 % 1).any()  # more than the 8 bits of bf16


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


@without_latent
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
    family = GaussianProcesses(length=(0.6, 0.6), scale=(1.0, 1.0))
    source = ContextEpisodes(family, n_support=(3, 20), n_points=30, n_episodes=8, noise=0.1)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for index in range(120):
        optimizer.zero_grad()
        with seeded(0, "latent", index):
            learner.objectives(source.step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    learner.eval()
    draw = generator(0, "test")
    covariances = family.covariances(32, draw)
    x, y = family.sample_of(covariances, 40, draw)
    y = y + 0.1 * torch.randn(y.shape, generator=draw)
    posterior = torch.distributions.Normal(
        *exact_posterior(covariances, x[:, :20], y[:, :20], x[:, 20:], noise=0.1)
    )
    exact = posterior.log_prob(y[:, 20:].double()).mean()
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
    assert prior + 0.1 < found < exact


@every_kind
def test_all_wrong_sizes_are_named_at_once(kind):
    with pytest.raises(
        InputError, match=rf"{kind.removeprefix('attentive ')}: `n_outputs`.*-1; `min_std`.*got 1"
    ):
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


def test_whole_numbers_as_inputs_leave_the_targets_as_they_are():
    x, y = torch.arange(6).unsqueeze(1), torch.rand(6, generator=generator(0))
    found = answers(small("CNP"), Batch(inputs=x, targets={"y": y}), x)
    expected = answers(small("CNP"), Batch(inputs=x.float(), targets={"y": y}), x.float())
    torch.testing.assert_close(found, expected)


def test_inputs_in_a_mapping_are_an_error():
    batch = Batch(inputs={"x": torch.zeros(3, 1)}, targets={"y": torch.zeros(3)})
    with pytest.raises(InputError, match="CNP takes one tensor as inputs, got a mapping"):
        small("CNP").adapt([Y], batch)


def test_a_support_without_the_target_is_an_error():
    with pytest.raises(InputError, match="The batch has no target of task 'y'"):
        small("CNP").learn([Y], Batch(inputs=torch.zeros(3, 1)))
