"""Prior-fitted networks: against exact posteriors, invariances, executions, messages."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from torch import nn
from torch.nn import functional

from polytask.checks import check_learner, check_source
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta.model.in_context_layer import InContextLayer
from polytask.meta.model.prior_episodes import PriorEpisodes
from polytask.meta.model.prior_fitted import PriorFitted
from polytask.train import train

KIND = Task(name="kind", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")
MASS = Task(name="mass", kind="regression")
BORDERS = torch.linspace(-3, 3, 8)
NOISE = 0.8


def small(**changes) -> PriorFitted:
    arguments = {"width": 8, "n_classes": 4, "borders": BORDERS, "n_layers": 2, "n_heads": 2, **changes}
    with seeded(0):
        return PriorFitted(nn.Linear(2, arguments["width"]), **arguments)


def batch(n_rows: int, *path: str | int, masked: bool = False) -> Batch:
    draw = generator(0, *path)
    targets = {
        "kind": torch.randint(3, (n_rows,), generator=draw),
        "sick": torch.randint(2, (n_rows,), generator=draw).float(),
        "mass": torch.randn(n_rows, generator=draw),
    }
    masks = {name: torch.rand(n_rows, generator=draw) > 0.4 for name in targets} if masked else {}
    return Batch(inputs=torch.randn(n_rows, 2, generator=draw), targets=targets, masks=masks)


def episode(*path: str | int, masked: bool = False) -> Episode:
    return Episode(
        tasks=(KIND, SICK, MASS),
        support=batch(7, *path, "support", masked=masked),
        query=batch(5, *path, "query", masked=masked),
    )


def coins(n_sets: int, n_points: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.rand(n_sets, 1, generator=generator)  # Beta(1, 1)
    tosses = torch.rand(n_sets, n_points, generator=generator) < chance
    return torch.zeros(n_sets, n_points, 2), tosses.float()


def shifts(n_sets: int, n_points: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    place = torch.randn(n_sets, 1, generator=generator)  # N(0, 1)
    noise = NOISE * torch.randn(n_sets, n_points, generator=generator)
    return torch.randn(n_sets, n_points, 2, generator=generator), place + noise


def exact_shift(support: Batch) -> tuple[float, float]:
    """Mean and standard deviation of the prediction, by the conjugate normal prior."""
    y = np.asarray(support.targets["y"], float)
    precision = 1 + len(y) / NOISE**2
    return y.sum() / NOISE**2 / precision, math.sqrt(1 / precision + NOISE**2)


def fitted(source: PriorEpisodes, n_steps: int, **changes) -> PriorFitted:
    learner = small(width=32, n_layers=1, n_heads=4, **changes)
    train(
        learner,
        source,
        n_steps=n_steps,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        schedule=lambda step: min(1, (step + 1) / 30) * 0.5 * (1 + math.cos(math.pi * step / n_steps)),
        max_norm=1.0,
    )
    return learner


def test_fitted_to_coins_it_answers_with_the_beta_posterior() -> None:
    task = Task(name="y", kind="binary")
    learner = fitted(PriorEpisodes(coins, task, n_points=16), n_steps=300, n_classes=2, borders=None)
    errors = []
    for n_tosses in (2, 5, 10, 15):
        for n_heads in range(n_tosses + 1):
            tosses = (torch.arange(n_tosses) < n_heads).float()
            support = Batch(inputs=torch.zeros(n_tosses, 2), targets={"y": tosses})
            answer = task.probabilities(learner.adapt([task], support)(torch.zeros(1, 2))["y"]).item()
            errors.append(abs(answer - (n_heads + 1) / (n_tosses + 2)))
    assert np.mean(errors) < 0.03  # the frequencies themselves are off by 0.05
    assert np.max(errors) < 0.1  # and by 0.25


def test_fitted_to_shifted_noise_it_answers_with_the_normal_posterior() -> None:
    task = Task(name="y", kind="regression")
    source = PriorEpisodes(shifts, task, n_points=24)
    learner = fitted(source, n_steps=300, n_classes=0, borders=torch.linspace(-4, 4, 22))
    gaps, distances, spreads = [], [], []
    for one in PriorEpisodes(shifts, task, n_points=24, n_episodes=60, min_support=8, seed=7).step(0):
        support, x, y = one.support, one.query.inputs, one.query.targets["y"]
        assert support is not None
        mean, deviation = exact_shift(support)
        with torch.no_grad():
            found = learner.distribution(learner.adapt([task], support).state, task, x)
        gaps.append(np.mean(norm.logpdf(y, mean, deviation) - found.log_density(y).numpy()))
        distances.append(np.mean(np.abs(found.mean().numpy() - mean)))
        spreads.append(np.mean((found.quantile(0.841) - found.quantile(0.159)).numpy()) / 2 / deviation)
    assert -0.02 < np.mean(gaps) < 0.05  # nats above the entropy of the exact answer
    assert np.mean(distances) < 0.2  # where targets vary by 1.3
    assert 0.9 < np.mean(spreads) < 1.2


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 9))
def test_the_order_of_the_support_does_not_matter(seed: int, n_rows: int) -> None:
    learner, support, query = small(), batch(n_rows, seed), torch.randn(4, 2, generator=generator(seed))
    order = torch.randperm(n_rows, generator=generator(seed, "order"))
    tasks = [KIND, SICK, MASS]
    found, other = learner.adapt(tasks, support)(query), learner.adapt(tasks, support.rows(order))(query)
    for name in found:
        torch.testing.assert_close(found[name], other[name], rtol=1e-4, atol=1e-5)


def test_examples_without_label_do_not_count() -> None:
    learner, support = small(), batch(6)
    mask = torch.tensor([True, False, True, True, False, True])
    poisoned = torch.where(mask, support.targets["mass"], float("nan"))
    masked = Batch(inputs=support.inputs, targets={"mass": poisoned}, masks={"mass": mask})
    query = torch.randn(4, 2, generator=generator(1))
    found = learner.adapt([MASS], masked)(query)["mass"]
    torch.testing.assert_close(found, learner.adapt([MASS], support.only(["mass"]).rows(mask))(query)["mass"])


def test_a_layer_is_that_of_torch_for_each_query_alone_beside_the_support() -> None:
    with seeded(0):
        layer = InContextLayer(8, 2, 16)
        multihead = nn.MultiheadAttention(8, 2)
        support, query = torch.randn(5, 8), torch.randn(3, 8)
    with torch.no_grad():
        multihead.in_proj_weight.copy_(torch.cat([layer.to_queries.weight, layer.to_memory.weight]))
        multihead.in_proj_bias.copy_(torch.cat([layer.to_queries.bias, layer.to_memory.bias]))
        multihead.out_proj.load_state_dict(layer.to_outputs.state_dict())

    def reference(row: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        read = row + multihead(layer.norm(row), layer.norm(seen), layer.norm(seen))[0]
        norm_, first, _, second, _ = layer.feed_forward
        return read + second(functional.gelu(first(norm_(read))))

    memory, known = layer.cache(support), torch.ones(5, dtype=torch.bool)
    expected = torch.cat([reference(row[None], torch.cat([support, row[None]])) for row in query])
    torch.testing.assert_close(layer(query, memory, known, apart=True), expected)
    torch.testing.assert_close(layer(support, memory, known, apart=False), reference(support, support))


def test_without_any_label_the_answer_is_the_prior_whatever_the_inputs_of_the_support() -> None:
    learner, query = small().eval(), torch.randn(4, 2, generator=generator(1))
    nothing = torch.zeros(6, dtype=torch.bool)
    answers = [
        learner.predict(
            learner.learn(
                [KIND], Batch(inputs=inputs, targets={"kind": torch.zeros(6)}, masks={"kind": nothing})
            ),
            [KIND],
            query,
        )["kind"]
        for inputs in (torch.zeros(6, 2), torch.ones(6, 2))
    ]
    torch.testing.assert_close(answers[0], answers[1])
    assert bool(answers[0].isfinite().all())


def test_the_objective_of_a_regression_is_the_negative_log_density() -> None:
    learner, one = small().eval(), episode(0)
    assert one.support is not None
    bars = learner.distribution(learner.learn([MASS], one.support), MASS, one.query.inputs)
    expected = -bars.log_density(one.query.targets["mass"]).mean()
    torch.testing.assert_close(learner([MASS], one.support, one.query.only(["mass"])), expected)


def test_a_task_with_a_loss_of_its_own_keeps_it() -> None:
    robust = Task(name="mass", kind="regression", loss=lambda a, b: (a - b).abs())
    learner, one = small().eval(), episode(0)
    assert one.support is not None
    answer = learner.predict(learner.learn([robust], one.support), [robust], one.query.inputs)["mass"]
    expected = (answer[:, 0] - one.query.targets["mass"]).abs().mean()
    torch.testing.assert_close(learner([robust], one.support, one.query.only(["mass"])), expected)


def test_fewer_classes_than_the_most_are_a_matter_of_the_task() -> None:
    learner, support = small(), batch(6)
    wide = Task(name="kind", kind="multiclass", n_outputs=4)
    query = torch.randn(4, 2, generator=generator(1))
    narrow, full = learner.adapt([KIND], support)(query), learner.adapt([wide], support)(query)
    torch.testing.assert_close(narrow["kind"], full["kind"][:, :3])


def test_an_empty_support_is_answered_from_the_prior_too() -> None:
    learner, query = small().eval(), torch.randn(4, 2, generator=generator(1))
    empty = learner.predict(learner.learn([MASS], batch(3).rows(slice(0))), [MASS], query)["mass"]
    hidden = Batch(
        inputs=torch.ones(3, 2),
        targets={"mass": torch.full((3,), float("nan"))},
        masks={"mass": torch.zeros(3, dtype=torch.bool)},
    )
    torch.testing.assert_close(empty, learner.predict(learner.learn([MASS], hidden), [MASS], query)["mass"])


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right_in_every_execution(masked: bool) -> None:
    episodes = [episode(i, masked=masked) for i in (0, 3)]
    check_meta_gradient(small(n_layers=1), episodes).raise_if_wrong()


def test_it_keeps_the_contract_of_learners() -> None:
    check_learner(small(dropout=0.1), [episode(0), episode(1)])


def test_the_source_keeps_the_contract_of_sources() -> None:
    check_source(PriorEpisodes(shifts, MASS, n_points=9, n_episodes=2))


def test_the_size_of_the_support_varies_over_its_range() -> None:
    source = PriorEpisodes(coins, SICK, n_points=5, min_support=2, n_episodes=1)
    sizes = {len(one.support or ()) for index in range(60) for one in source.step(index)}
    assert sizes == {2, 3, 4}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task(name="kind", kind="multiclass", n_outputs=9), "'kind' has 9 classes, but .* built for 4"),
        (Task(name="kind", kind="multilabel", n_outputs=2), "'kind' is multilabel; make a binary task"),
        (Task(name="mass", kind="regression", n_outputs=2), "'mass' has 2 outputs; make a task of each"),
        (Task(name="new", kind="binary"), "`support` has no target of task 'new'"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(task: Task, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small().learn([task], batch(4))


def test_a_kind_that_the_network_was_not_built_for_is_refused() -> None:
    with pytest.raises(InputError, match="'mass' is a regression; build the network with `borders`"):
        small(borders=None).learn([MASS], batch(4))
    with pytest.raises(InputError, match="'kind' has 3 classes, but the network was built for 0"):
        small(n_classes=0).learn([KIND], batch(4))
    with pytest.raises(InputError, match="'kind' is multiclass; its prediction is its distribution"):
        small().distribution({}, KIND, torch.zeros(1, 2))


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"`n_classes` must be 2 or more.*`borders` must be.*`n_layers`"):
        small(n_classes=1, borders=torch.zeros(9), n_layers=0)
    with pytest.raises(InputError, match="give `n_classes`, or `borders`"):
        small(n_classes=0, borders=None)
    with pytest.raises(InputError, match="3, which does not divide `width` = 8"):
        small(n_heads=3)
    with pytest.raises(InputError, match=r"`min_support` must be .* got 5 of 5; `n_episodes`"):
        PriorEpisodes(coins, SICK, n_points=5, min_support=5, n_episodes=0)


def test_an_encoder_of_another_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"`encoder` gives shape \(4, 3\), but must give \[batch, 8\]"):
        PriorFitted(nn.Linear(2, 3), width=8, n_classes=4, n_layers=1).learn([KIND], batch(4))


def test_a_sampler_of_other_shapes_is_refused() -> None:
    source = PriorEpisodes(lambda *_: (torch.zeros(2, 2), torch.zeros(2)), SICK, n_points=5)
    with pytest.raises(InputError, match=r"`sample` returned inputs \(2, 2\) and labels \(2,\)"):
        source.step(0)
