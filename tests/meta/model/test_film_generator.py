"""FiLM and heads generated from the support: against numpy, invariances, executions, messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.model.film_generator import FiLMGenerator
from polytask.meta.model.generated_heads import MahalanobisHead

KIND = Task(name="kind", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")
HEADS = pytest.mark.parametrize("head", ["linear", "mahalanobis"])


def small(**changes) -> FiLMGenerator:
    arguments = {"channels": [6, 4], "hidden": 5, **changes}
    with seeded(0):
        blocks = [nn.Linear(2, 6), nn.Sequential(nn.Tanh(), nn.Linear(6, 4))]
        learner = FiLMGenerator(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), 3, blocks, **arguments)
        for generated in learner.generators:  # away from the identity, where nothing could be seen
            nn.init.normal_(generated[2].weight, std=0.5)  # pyright: ignore[reportIndexIssue]
    return learner


def batch(n_rows: int, *path: str | int, masked: bool = False) -> Batch:
    draw = generator(0, *path)
    targets = {"kind": torch.arange(n_rows) % 3, "sick": (torch.arange(n_rows) % 2).float()}
    masks = {}
    if masked:
        masks = {
            name: (torch.arange(n_rows) < 6) | (torch.rand(n_rows, generator=draw) > 0.5) for name in targets
        }
    return Batch(inputs=torch.randn(n_rows, 2, generator=draw), targets=targets, masks=masks)


def episode(*path: str | int, masked: bool = False) -> Episode:
    return Episode(
        tasks=(KIND, SICK),
        support=batch(9, *path, "support", masked=masked),
        query=batch(7, *path, "query", masked=masked),
    )


def test_the_whole_of_it_is_as_written_in_numpy() -> None:
    learner, support = small().double(), batch(9, "support").to("cpu", torch.float64)
    queries = torch.randn(4, 2, generator=generator(1), dtype=torch.float64)
    p = {name: value.detach().numpy() for name, value in learner.named_parameters()}

    def linear(name: str, z: np.ndarray) -> np.ndarray:
        return z @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def network(name: str, z: np.ndarray) -> np.ndarray:
        middle = linear(f"{name}.0", z)
        return linear(f"{name}.2", np.where(middle > 0, middle, np.expm1(middle)))

    x, y = support.inputs, support.targets["kind"].numpy()
    assert isinstance(x, torch.Tensor)
    tau = np.tanh(linear("set_encoder.0", x.numpy())).mean(0)
    first, second = network("generators.0", tau), network("generators.1", tau)

    def features(z: np.ndarray) -> np.ndarray:
        z = (1 + first[:6]) * linear("encoder.blocks.0", z) + first[6:]
        return (1 + second[:4]) * linear("encoder.blocks.1.1", np.tanh(z)) + second[4:]

    means = np.stack([features(x.numpy())[y == c].mean(0) for c in range(3)])
    weight, bias = means + network("head.to_weight", means), network("head.to_bias", means)[:, 0]
    found = learner.adapt([KIND], support)(queries)["kind"].detach()
    np.testing.assert_allclose(found, features(queries.numpy()) @ weight.T + bias, rtol=1e-8)


def test_the_mahalanobis_head_is_that_of_numpy() -> None:
    draw = np.random.default_rng(0)
    features, query = draw.normal(size=(9, 4)), draw.normal(size=(5, 4))
    classes = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])  # the last class has one example
    expected = []
    for c in range(3):
        own = features[classes == c]
        trust = len(own) / (len(own) + 1)
        of_class = np.cov(own.T) if len(own) > 1 else np.zeros((4, 4))
        covariance = trust * of_class + (1 - trust) * np.cov(features.T) + np.eye(4)
        apart = query - own.mean(0)
        expected.append(-0.5 * np.einsum("qf,fg,qg->q", apart, np.linalg.inv(covariance), apart))
    head, members = MahalanobisHead(), torch.from_numpy(np.eye(3)[classes])
    found = head.logits(head.of_support(torch.from_numpy(features), members), torch.from_numpy(query))
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-8)


def test_at_first_the_modulation_is_the_identity() -> None:
    blocks = [nn.Linear(2, 6), nn.Sequential(nn.Tanh(), nn.Linear(6, 4))]
    learner = FiLMGenerator(nn.Linear(2, 3), 3, blocks, channels=[6, 4])
    assert not learner.learn([KIND], batch(9))["kind"]["modulation"].any()
    x = torch.randn(5, 2, generator=generator(0))
    torch.testing.assert_close(learner.encoder(x, torch.zeros(20)), blocks[1](blocks[0](x)))


@HEADS
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(3, 12))
def test_the_order_of_the_support_does_not_matter(head: str, seed: int, n_rows: int) -> None:
    learner, support, query = small(head=head), batch(n_rows, seed), batch(4, seed, "query").inputs
    order = torch.randperm(n_rows, generator=generator(seed, "order"))
    found, other = (learner.adapt([KIND], s)(query)["kind"] for s in (support, support.rows(order)))
    torch.testing.assert_close(found, other, rtol=1e-3, atol=1e-4)


@HEADS
def test_renaming_the_classes_renames_the_logits(head: str) -> None:
    learner, support, query = small(head=head), batch(9), batch(4, "query").inputs
    renamed = Batch(inputs=support.inputs, targets={"kind": (support.targets["kind"] + 1) % 3})
    found, other = (learner.adapt([KIND], s)(query)["kind"] for s in (support, renamed))
    torch.testing.assert_close(found, other.roll(-1, dims=1), rtol=1e-4, atol=1e-5)


@HEADS
def test_examples_without_label_do_not_count(head: str) -> None:
    learner, support = small(head=head), batch(9).only(["kind"])
    mask = torch.tensor([True] * 5 + [False, True, False, True])
    targets = torch.where(mask, support.targets["kind"], 99)
    masked = Batch(inputs=support.inputs, targets={"kind": targets}, masks={"kind": mask})
    query = batch(4, "query").inputs
    found = learner.adapt([KIND], masked)(query)["kind"]
    torch.testing.assert_close(found, learner.adapt([KIND], support.rows(mask))(query)["kind"])


@pytest.mark.parametrize("shape", [(6, 7), (4, 6, 7)], ids=["sequence", "volume"])
def test_maps_are_modulated_by_channel_and_averaged_over_space(shape: tuple[int, ...]) -> None:
    class Fixed(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    n_channels = 7 if len(shape) == 2 else 4
    learner = FiLMGenerator(nn.Flatten(), 1, [Fixed()], channels=[n_channels])
    x = torch.randn(3, *shape, generator=generator(0))
    scale, shift = torch.randn(2, n_channels, generator=generator(1))
    means = x.mean(1) if len(shape) == 2 else x.mean((2, 3))
    expected = (1 + scale) * means + shift
    torch.testing.assert_close(learner.encoder(x, torch.cat([scale, shift])), expected)


def test_trained_it_shuts_out_the_noise_that_the_set_tells_of() -> None:
    def step(index: int) -> list[Episode]:
        found = []
        for number in range(16):
            draw = generator(5, index, number)
            telling = int(torch.randint(2, (), generator=draw))
            labels = torch.arange(10) % 2
            x = 3 * torch.randn(10, 3, generator=draw)
            x[:, telling] = (2.0 * labels - 1) + 0.2 * torch.randn(10, generator=draw)
            x[:, 2] = telling  # one of the two first features tells the classes apart: this says which
            whole = Batch(inputs=x, targets={"sick": labels.float()})
            found.append(
                Episode(tasks=(SICK,), support=whole.rows(slice(4)), query=whole.rows(slice(4, None)))
            )
        return found

    with seeded(0):
        blocks = [nn.Identity(), nn.Linear(3, 3)]
        learner = FiLMGenerator(
            nn.Linear(3, 8), 8, blocks, channels=[3, 3]
        )  # fmt: skip

    def accuracy() -> float:
        right = [
            SICK.decide(learner.adapt(o.tasks, o.support)(o.query.inputs)["sick"]) == o.query.targets["sick"]
            for index in range(1000, 1005)
            for o in step(index)
        ]
        return float(torch.cat(right).float().mean())

    assert accuracy() < 0.8
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for index in range(150):
        optimizer.zero_grad()
        learner.objectives(step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    assert accuracy() > 0.9


@HEADS
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right_in_every_execution(head: str, masked: bool) -> None:
    episodes = [episode(i, masked=masked) for i in (0, 3)]
    check_meta_gradient(small(head=head), episodes).raise_if_wrong()


@HEADS
def test_it_keeps_the_contract_of_learners(head: str) -> None:
    check_learner(small(head=head), [episode(0), episode(1)])


def test_a_class_without_support_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="'kind' needs an example of every class, but 1, 2 have none"):
        small().learn([KIND], batch(1))


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"`hidden` .* 0; `blocks` and .* 2 and 1; `head` is 'svm'"):
        small(hidden=0, channels=[6], head="svm")
    with pytest.raises(InputError, match="`channels` must be 1 or more"):
        small(channels=[6, 0])


def test_shapes_that_are_not_as_told_are_refused() -> None:
    with pytest.raises(InputError, match=r"Block 1 gives shape \(9, 4\), but `channels` says that it has 5"):
        small(channels=[6, 5]).learn([KIND], batch(9))
    learner = FiLMGenerator(nn.Linear(2, 3), 4, [nn.Linear(2, 6)], channels=[6])
    with pytest.raises(InputError, match=r"`set_encoder` gives shape \(9, 3\), but must give \[batch, 4\]"):
        learner.learn([KIND], batch(9))
