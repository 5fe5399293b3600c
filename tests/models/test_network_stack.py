"""Stacked networks against ordinary ones, averages against probabilities, and plans of other models."""

from typing import Any

import pytest
import torch
from tests.models.small import PLAN
from torch import nn

from polytask.core import InputError, Task
from polytask.models.network_stack import NetworkStack, StackedEnsemble, output_slices, weighted_prediction
from polytask.models.number_bins import NumberBins
from polytask.models.stack_plan import StackPlan, Stage

Y, K, M = (
    Task(name="y", kind="regression"),
    Task(name="k", kind="binary"),
    Task(name="m", kind="multiclass", n_outputs=3),
)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_stack_answers_as_its_networks_one_by_one(depth: int) -> None:
    stack = NetworkStack((Y, M), 4, n_networks=3, width=5, depth=depth)
    inputs = torch.randn(7, 4)
    for network, answers in enumerate(stack(inputs)):
        layers: list[nn.Module] = []
        for weight, bias in zip(stack.weights, stack.biases, strict=True):
            linear = nn.Linear(*weight.shape[1:])
            linear.load_state_dict({"weight": weight[network].T, "bias": bias[network, 0]})
            layers += [linear, nn.ReLU()]
        torch.testing.assert_close(nn.Sequential(*layers[:-1])(inputs), answers)


def test_each_network_may_have_rows_of_its_own() -> None:
    stack = NetworkStack((Y, M), 4, n_networks=3, width=5, depth=1)
    inputs = torch.randn(3, 7, 4)
    answers = stack(inputs)
    for network in range(3):
        torch.testing.assert_close(stack(inputs[network])[network], answers[network])


def test_a_gradient_stays_in_its_network() -> None:
    stack = NetworkStack((Y,), 4, n_networks=3, width=5, depth=2)
    stack(torch.randn(6, 4))[1].sum().backward()
    for values in stack.parameters():
        assert values.grad is not None
        assert not values.grad[[0, 2]].any() and values.grad[1].any()


def test_units_are_dropped_in_training_alone() -> None:
    stack = NetworkStack((Y,), 4, n_networks=2, width=64, depth=2, dropout=0.5)
    inputs = torch.randn(6, 4)
    assert not torch.equal(stack(inputs), stack(inputs))
    stack.eval()
    assert torch.equal(stack(inputs), stack(inputs))


def test_slices_follow_the_tasks() -> None:
    assert output_slices((K, M, Y)) == {"k": slice(0, 1), "m": slice(1, 4), "y": slice(4, 5)}


@pytest.mark.parametrize("shares", [None, (0.2, 0.5, 0.3)])
def test_an_average_is_of_numbers_and_of_probabilities(shares: tuple[float, ...] | None) -> None:
    weights = None if shares is None else torch.tensor(shares)
    given = torch.full((3,), 1 / 3) if weights is None else weights
    y, k, m = torch.randn(3, 5, 1), 3 * torch.randn(3, 5, 1), 3 * torch.randn(3, 5, 3)
    torch.testing.assert_close(weighted_prediction(Y, y, weights), torch.einsum("m,mro->ro", given, y))
    expected = torch.einsum("m,mro->ro", given, k.sigmoid())
    torch.testing.assert_close(weighted_prediction(K, k, weights).sigmoid(), expected)
    expected = torch.einsum("m,mro->ro", given, m.softmax(-1))
    torch.testing.assert_close(weighted_prediction(M, m, weights).softmax(-1), expected)


def test_sure_networks_are_averaged_without_overflow() -> None:
    assert weighted_prediction(K, torch.tensor([[[500.0]], [[500.0]]])).item() == pytest.approx(500)
    assert weighted_prediction(K, torch.tensor([[[500.0]], [[-500.0]]])).item() == pytest.approx(0)


def ensemble() -> StackedEnsemble:
    model = StackedEnsemble([Y, K, M], 3, PLAN)
    model.embedding = NumberBins.fit(torch.randn(40, 3), [0, 2], most=3)
    model.plan = StackPlan.from_json({**PLAN.to_json(), "n_bins": list(model.embedding.n_bins)})
    model.stacks = StackedEnsemble([Y, K, M], 3, model.plan).stacks
    return model.eval()


def test_each_target_is_answered_by_the_weights_of_its_stage() -> None:
    model, inputs = ensemble(), torch.randn(6, 3)
    answers = model(inputs)
    assert {name: tuple(values.shape) for name, values in answers.items()} == {
        "y": (6, 1),
        "k": (6, 1),
        "m": (6, 3),
    }
    late = model.stacks[1](model.embedding(inputs))
    torch.testing.assert_close(answers["y"], late[..., :1].mean(0))
    torch.testing.assert_close(answers["k"].sigmoid(), late[..., 1:].sigmoid().mean(0))


@pytest.mark.parametrize("names", [{"y"}, {"m"}, {"k", "m"}, {"y", "k", "m"}])
def test_a_part_answers_its_targets_as_the_whole_and_draws_nothing(names: set[str]) -> None:
    model, inputs = ensemble(), torch.randn(6, 3)
    before = torch.get_rng_state()
    part = model.only(names)
    assert torch.equal(torch.get_rng_state(), before)
    found = part(inputs)
    assert found.keys() == names
    for name in names:
        torch.testing.assert_close(found[name], model(inputs)[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("tasks", "n_features", "message"),
    [((Y, K), 3, "other targets"), ((Y, K, M), 4, "4 features, but bins for 3")],
)
def test_a_plan_of_another_model_is_refused(tasks: Any, n_features: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        StackedEnsemble(tasks, n_features, PLAN)


def test_a_target_in_two_stages_is_refused() -> None:
    stages = (Stage(step=1, targets=("y",)), Stage(step=2, targets=("y",)))
    plan = StackPlan(n_networks=1, width=2, depth=1, n_bins=(0,), stages=stages)
    with pytest.raises(InputError, match="other targets"):
        StackedEnsemble([Y], 1, plan)
