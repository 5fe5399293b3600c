"""What a program takes for fixed in a module, described and seen at a glance."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from polytask.execution.static_state import StateInView, static_state


def test_an_attribute_of_any_type_is_part_of_what_is_fixed() -> None:
    part = nn.Linear(2, 1)
    for first, second in (
        (torch.tanh, torch.relu),
        ([torch.zeros(2)], [torch.zeros(2)]),  # equal today, but either may change alone
        ((3, "a"), (4, "a")),
    ):
        part.setting = first
        before = static_state(part)
        assert static_state(part) == before
        part.setting = second
        assert static_state(part) != before
    part.setting = (4, "a")
    assert static_state(part) == static_state(copy.deepcopy(part))


def test_numbers_that_are_equal_but_of_other_types_differ() -> None:
    part = nn.Dropout()
    part.p = 1
    before = static_state(part)
    part.p = 1.0
    assert static_state(part) != before


def module() -> Any:
    found = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    found.sizes, found.function, found.empty = [1, 2], torch.tanh, {}
    found.layers, found.kinds = {"first": [torch.tanh]}, {"a"}
    return found


def shared() -> Any:
    first = nn.Linear(3, 3)
    found = nn.Sequential(first, nn.Tanh(), nn.Linear(3, 3), nn.Linear(3, 3), first)
    found[3].weight = first.weight
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.__setitem__(4, net[2]),
        lambda net: setattr(net[3], "weight", net[2].weight),
    ],
    ids=["module", "parameter"],
)
def test_what_is_shared_is_part_of_what_is_fixed(change: Callable[[Any], object]) -> None:
    net = shared()
    before, view = static_state(net), StateInView(net)
    change(net)
    assert not view.holds()
    assert static_state(net) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net[2], "p", 0.25),
        lambda net: net[2].eval(),
        lambda net: net.sizes.append(3),
        lambda net: setattr(net, "function", torch.relu),
        lambda net: setattr(net, "new", None),
        lambda net: delattr(net, "empty"),
        lambda net: net.__setitem__(2, nn.Dropout(0.5)),
        lambda net: net.append(nn.ReLU()),
        lambda net: net[0].register_parameter("scale", nn.Parameter(torch.ones(1))),
        lambda net: setattr(net[0], "bias", None),
        lambda net: setattr(net[0], "weight", nn.Parameter(torch.zeros(3, 2))),
        lambda net: net[0].weight.requires_grad_(False),
        lambda net: setattr(net[0].weight, "data", torch.zeros(2, 3).t()),
        lambda net: setattr(net[1], "running_mean", torch.zeros(3)),
        lambda net: net.double(),
        lambda net: net.layers.update(first=[]),
        lambda net: net.layers["first"].__setitem__(0, torch.relu),
        lambda net: net.kinds.add("b"),
        lambda net: net[0].register_forward_hook(print),
        lambda net: net[0].register_forward_pre_hook(print),
    ],
    ids=[
        "number", "mode", "list", "function", "new", "gone", "module", "more", "new parameter", "no bias",
        "parameter", "frozen", "stride", "buffer", "type", "mapping", "nested", "set", "hook", "hook before",
    ],
)  # fmt: skip
def test_a_change_is_seen(change: Callable[[Any], object]) -> None:
    net = module()
    view = StateInView(net)
    assert view.holds()
    change(net)
    assert not view.holds()


def test_values_may_change() -> None:
    net = module()
    view = StateInView(net)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.add_(1)
    net(torch.zeros(4, 2)).sum().backward()
    assert view.holds()


def test_an_attribute_under_another_name_is_seen() -> None:
    net = module()
    net.first = None
    view = StateInView(net)
    del net.first
    net.second = None  # the same value, at the same place
    assert not view.holds()
