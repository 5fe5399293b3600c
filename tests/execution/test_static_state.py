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


def module() -> Any:
    found = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    found.sizes, found.function, found.empty = [1, 2], torch.tanh, {}
    return found


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
    ],
    ids=[
        "number", "mode", "list", "function", "new", "gone", "module", "more", "new parameter", "no bias",
        "parameter", "frozen", "stride", "buffer", "type",
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
