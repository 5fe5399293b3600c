"""Shared and private parameters, objectives of joint training, and gradients by objective."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures import HardSharing
from polytask.core import (
    Batch,
    Episode,
    InputError,
    PerTask,
    SharedModel,
    Task,
    jacobian,
    private_parameters,
    shared_parameters,
)

TASKS = [Task(name="a", kind="regression"), Task(name="b", kind="regression")]


def model() -> SharedModel:
    torch.manual_seed(0)
    return SharedModel(
        TASKS, HardSharing(nn.Linear(2, 3)), {"a": nn.Linear(3, 1), "b": nn.Linear(3, 1)}
    ).double()


def batch(n: int, seed: int, **masks) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=draw, dtype=torch.float64)
    return Batch(inputs=x, targets={"a": x[:, 0], "b": x.sum(1)}, masks=masks)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5, unique=True))
def test_any_names_can_name_private_modules(names):
    heads = PerTask({name: nn.Linear(1, 1) for name in names})
    assert list(heads) == names and all(name in heads for name in names)
    again = PerTask({name: nn.Linear(1, 1) for name in names})
    again.load_state_dict(heads.state_dict())
    assert list(private_parameters(heads)) == names


@pytest.mark.parametrize("name", ["a.b", "type", "keys", "%2E", "task:", "training", "Größe 1/2"])
def test_awkward_names_are_told_apart(name):
    heads = PerTask({name: nn.Linear(1, 2), "other": nn.Linear(1, 3)})
    assert heads[name].out_features == 2 and "missing" not in heads and len(heads) == 2


def test_tied_parameters_are_shared():
    layer = nn.Linear(1, 1)
    tied = PerTask({"a": nn.Sequential(layer, nn.Linear(1, 1)), "b": layer})
    assert {id(p) for p in shared_parameters(tied)} == {id(layer.weight), id(layer.bias)}
    assert list(private_parameters(tied)) == ["a"]
    used_outside = nn.ModuleDict({"trunk": layer, "heads": PerTask({"a": layer})})
    assert len(shared_parameters(used_outside)) == 2 and not private_parameters(used_outside)


def test_a_module_that_two_tasks_have_is_shared():
    layer = nn.Linear(1, 1)
    both = PerTask({"a": layer, "b": layer})
    assert {id(p) for p in shared_parameters(both)} == {id(layer.weight), id(layer.bias)}
    assert private_parameters(both) == {}


def test_modules_that_hold_each_other_are_read_once():
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    first.other, second.other = second, first
    heads = PerTask({"a": first, "b": nn.Linear(1, 1)})
    assert len(private_parameters(heads)["a"]) == 4 and shared_parameters(heads) == []


def test_frozen_parameters_are_neither():
    learner = model()
    learner.sharing.requires_grad_(False)
    assert shared_parameters(learner) == [] and len(private_parameters(learner)["a"]) == 2


def test_two_episodes_with_one_task_count_as_their_joined_batch():
    learner = model()
    first, second = batch(3, 0), batch(5, 1, a=torch.tensor([True, False, True, False, False]))
    joined = Batch(
        inputs=torch.cat([first.inputs, second.inputs]),
        targets={name: torch.cat([first.targets[name], second.targets[name]]) for name in ("a", "b")},
        masks={"a": torch.cat([torch.ones(3, dtype=bool), second.masks["a"]])},
    )
    apart = learner.objectives([Episode(tasks=tuple(TASKS), query=part) for part in (first, second)])
    together = learner.objectives([Episode(tasks=tuple(TASKS), query=joined)])
    assert apart.names == together.names
    torch.testing.assert_close(apart.values, together.values)


def test_a_task_without_labels_is_absent_and_its_head_gets_no_gradient():
    learner = model()
    objectives = learner.objectives(
        [Episode(tasks=tuple(TASKS), query=batch(3, 0, b=torch.zeros(3, dtype=torch.bool)))]
    )
    assert objectives.names == ("a",) and objectives.absent == ("b",)
    objectives.total().backward()
    assert learner.heads["b"].weight.grad is None and learner.heads["a"].weight.grad is not None


def test_the_jacobian_holds_the_gradient_of_each_objective():
    learner = model()
    values = learner.objectives([Episode(tasks=tuple(TASKS), query=batch(4, 0))]).values
    rows = jacobian(values, shared_parameters(learner))
    for row, value in zip(rows, values, strict=True):
        learner.zero_grad()
        value.backward(retain_graph=True)
        torch.testing.assert_close(row, torch.cat([p.grad.reshape(-1) for p in shared_parameters(learner)]))


def test_an_objective_that_nothing_trained_has_a_part_in_has_a_gradient_of_zero():
    learner = model()
    fixed = [torch.tensor(3.0, dtype=torch.float64), *learner.heads["a"](torch.ones(1, 3).double()).sum(1)]
    rows = jacobian(torch.stack(fixed), list(learner.heads["a"].parameters()))
    assert torch.equal(rows, torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1]]).double())
    rows = jacobian(torch.stack(fixed[:1]), list(learner.heads["a"].parameters()))
    assert torch.equal(rows, torch.zeros(1, 4).double())


def test_without_shared_parameters_the_jacobian_is_empty():
    values = model().objectives([Episode(tasks=tuple(TASKS), query=batch(4, 0))]).values
    assert jacobian(values, []).shape == (2, 0)


def test_unknown_tasks_and_missing_heads_are_named():
    with pytest.raises(InputError, match="'c'; it has a, b"):
        model().adapt([Task(name="c", kind="regression")])
    with pytest.raises(InputError, match="no module for b"):
        SharedModel(TASKS, HardSharing(nn.Linear(2, 3)), {"a": nn.Linear(3, 1)})
