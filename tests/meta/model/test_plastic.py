"""Plastic networks: the rules written out by hand, the right gradient, and learning within an episode."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from polytask.checks import check_learner, check_source
from polytask.core import Batch, InputError, Task, generator, seeded
from polytask.data.episodes.associations import AssociationEpisodes, CompletionEpisodes
from polytask.evaluate import evaluate_episodes
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.model.plastic import PlasticNetwork
from polytask.meta.model.plastic_layer import PlasticLayer

NAME = Task(name="name", kind="multiclass", n_outputs=3)
KINDS = [("hebb", "none"), ("oja", "none"), ("hebb", "simple"), ("hebb", "retroactive")]


def source(n_episodes: int = 2) -> AssociationEpisodes:
    return AssociationEpisodes(n_patterns=4, n_features=6, n_names=3, n_episodes=n_episodes)


def network(rule: str = "hebb", modulation: str = "none", *, plastic: bool = True) -> PlasticNetwork:
    with seeded(0, "network"):
        return PlasticNetwork([6, 5, 3], rule=rule, modulation=modulation, plastic=plastic)  # pyright: ignore[reportArgumentType]


def lively(found: PlasticNetwork) -> PlasticNetwork:
    """Make plasticity large enough to matter."""
    for layer in found.plastic_layers:
        layer.plasticity.data.normal_(generator=generator(1))
    return found


@pytest.mark.parametrize(("rule", "modulation"), KINDS)
def test_a_trace_follows_the_rule_written_out_by_hand(rule: str, modulation: str) -> None:
    with seeded(0):
        layer = PlasticLayer(4, 3, rule=rule, modulation=modulation, rate=0.2)  # pyright: ignore[reportArgumentType]
    draw = generator(2)
    state = layer.begin()
    trace, eligibility = np.zeros((3, 4)), np.zeros((3, 4))
    for _ in range(5):
        before, behind = torch.randn(4, generator=draw), torch.randn(3, generator=draw)
        state = layer.learn(state, before, behind)
        x, y = before.numpy(), behind.numpy()
        signal = 0.0
        if modulation != "none":
            weights, shift = layer.modulator.weight.detach().numpy()[0], float(layer.modulator.bias.detach())
            signal = np.tanh(weights @ y + shift)
        for j in range(3):
            for i in range(4):
                eligibility[j, i] = 0.8 * eligibility[j, i] + 0.2 * y[j] * x[i]
        if modulation == "simple":
            trace = np.clip(trace + signal * np.outer(y, x), -1, 1)
        elif modulation == "retroactive":
            trace = np.clip(trace + signal * eligibility, -1, 1)
        elif rule == "oja":
            recalled = trace.T @ y
            trace = trace + 0.2 * np.array(
                [[y[j] * (x[i] - recalled[i]) for i in range(4)] for j in range(3)]
            )
        else:
            trace = eligibility.copy()
    np.testing.assert_allclose(state["trace"].detach().numpy(), trace, rtol=1e-5, atol=1e-6)


def test_ojas_rule_finds_the_direction_of_the_largest_variance() -> None:
    layer = PlasticLayer(3, 1, rule="oja", rate=0.02)
    draw = generator(0)
    direction = torch.tensor([0.6, 0.0, 0.8])
    state = {"trace": torch.full((1, 3), 0.1)}
    with torch.no_grad():
        for _ in range(2000):
            x = torch.randn((), generator=draw) * direction + 0.1 * torch.randn(3, generator=draw)
            state = layer.learn(state, x, state["trace"] @ x)
    found = state["trace"][0]
    assert abs(float(found @ direction)) > 0.98
    assert float(found.norm()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("rule", "modulation"), KINDS)
def test_the_meta_gradient_is_right_in_every_execution(rule: str, modulation: str) -> None:
    check_meta_gradient(lively(network(rule, modulation)), source().step(0), n_directions=2).raise_if_wrong()


@pytest.mark.parametrize(("rule", "modulation"), KINDS)
def test_a_plastic_network_keeps_the_contract(rule: str, modulation: str) -> None:
    check_learner(lively(network(rule, modulation)), source().step(0))


def test_without_degrees_of_plasticity_it_answers_like_its_twin() -> None:
    plastic, twin = network(), network(plastic=False)
    for layer, other in zip(plastic.plastic_layers, twin.plastic_layers):
        layer.plasticity.data.zero_()
        other.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    (episode, _) = source().step(0)
    answers = [
        learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["name"]
        for learner in (plastic, twin)
    ]
    torch.testing.assert_close(*answers)


def test_an_example_without_a_label_changes_nothing() -> None:
    learner = lively(network())
    x, labels = torch.randn(4, 6, generator=generator(0)), torch.tensor([0, 1, 2, 1])
    known = torch.tensor([True, False, True, False])
    masked = Batch(inputs=x, targets={"name": labels}, masks={"name": known})
    states = learner.history([NAME], masked)
    for name in states[0]:
        assert torch.equal(states[1][name], states[2][name])
        assert not torch.equal(states[2][name], states[3][name])
    kept = learner.learn([NAME], masked.rows(known))["name"]
    for name, tensor in learner.learn([NAME], masked)["name"].items():
        torch.testing.assert_close(tensor, kept[name])


def trained(*, plastic: bool) -> PlasticNetwork:
    with seeded(0, "network"):
        learner = PlasticNetwork([20, 5], plastic=plastic)
    episodes = AssociationEpisodes(n_patterns=4, n_features=20, n_episodes=16, seed=1)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    for index in range(120):
        optimizer.zero_grad()
        learner.objectives(episodes.step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    return learner


def test_plasticity_learns_random_associations_that_its_twin_cannot() -> None:
    new = AssociationEpisodes(n_patterns=4, n_features=20, seed=2)
    plastic, twin = (
        evaluate_episodes(trained(plastic=kind), new, n_episodes=100).interval for kind in (True, False)
    )
    assert plastic.low > 0.8
    assert twin.high < 0.35  # five names at random


def test_patterns_are_completed_by_clamping_all_of_them() -> None:
    task = Task(name="pattern", kind="multilabel", n_outputs=6)
    (episode,) = CompletionEpisodes(n_patterns=2, n_features=6).step(0)
    learner = PlasticNetwork([6, 6])
    state = learner.learn([task], episode.support or episode.query)
    support = episode.support or episode.query
    trace, rate = torch.zeros(6, 6), 0.1
    for row, label in zip(torch.as_tensor(support.inputs), support.targets["pattern"], strict=True):
        trace = (1 - rate) * trace + rate * torch.outer(2 * label - 1, row)
    layer = learner.plastic_layers[0]
    expected = episode.query.inputs @ (layer.weight + layer.plasticity * trace).T + layer.bias
    torch.testing.assert_close(learner.predict(state, [task], episode.query.inputs)["pattern"], expected)


@pytest.mark.parametrize(
    "build", [lambda: source(), lambda: CompletionEpisodes(n_patterns=3, n_features=8, n_presentations=2)]
)
def test_the_sources_keep_the_contract(build: Callable[[], AssociationEpisodes]) -> None:
    check_source(build(), disjoint=False)


def test_a_completion_shows_a_part_of_the_right_pattern() -> None:
    (episode,) = CompletionEpisodes(n_patterns=5, n_features=10, shown=0.3).step(4)
    query = episode.query.inputs
    assert isinstance(query, torch.Tensor)
    assert (query != 0).sum(1).tolist() == [3] * 5
    right = 2 * episode.query.targets["pattern"] - 1
    assert torch.equal(query[query != 0], right[query != 0])


def test_noise_turns_about_as_many_numbers_as_it_says() -> None:
    (episode,) = AssociationEpisodes(n_patterns=50, n_features=200, noise=0.2).step(0)
    assert episode.support is not None
    rows, changed = episode.support.inputs, episode.query.inputs
    assert isinstance(rows, torch.Tensor)
    assert isinstance(changed, torch.Tensor)
    nearest = (rows @ changed.T).argmax(0)
    assert float((rows[nearest] != changed).float().mean()) == pytest.approx(0.2, abs=0.02)


EMPTY = Batch(inputs=torch.zeros(1, 6))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PlasticNetwork([3]), "`sizes` needs the neurons of input and output"),
        (lambda: PlasticLayer(0, 2), "`n_inputs` and `n_outputs` must be at least 1, got 0, 2"),
        (lambda: PlasticLayer(1, 2, rule="stdp"), "`rule` is 'stdp'"),  # pyright: ignore[reportArgumentType]
        (lambda: PlasticLayer(1, 2, rate=2.0), "`rate` must be between 0 and 1"),
        (lambda: network().learn([NAME, NAME], EMPTY), "learns one task of at most 3"),
        (lambda: network().learn([NAME], EMPTY), "`support` has no target of task 'name'"),
        (lambda: AssociationEpisodes(noise=0.7), "`noise` must be from 0"),
        (lambda: AssociationEpisodes(n_names=1), "`n_names` must be at least 2"),
        (lambda: CompletionEpisodes(n_patterns=0), "`n_patterns` must be at least 1"),
        (lambda: CompletionEpisodes(shown=1.0), "`shown` must leave"),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
