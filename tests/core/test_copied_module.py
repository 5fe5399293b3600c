"""Copies of modules: other modules, the same tensors."""

import functools

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrize, prune

from polytask.core import InputError
from polytask.core.copied_module import module_copy


class Tied(nn.Module):
    """Two layers of one weight, and a third way to the first layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.aside = (self.first,)

    def forward(self, inputs):
        return self.second(self.aside[0](inputs))


class Doubling(nn.Module):
    def forward(self, weight):
        return 2 * weight


def shaped():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    parametrize.register_parametrization(net[0], "weight", Doubling())
    return net


def pruned():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    prune.l1_unstructured(net[0], "weight", amount=0.5)
    return net


class Steps(nn.Module):
    """Takes the last output of a recurrent network."""

    def __init__(self):
        super().__init__()
        self.cells = nn.GRU(1, 4, batch_first=True)

    def forward(self, inputs):
        return self.cells(inputs.unsqueeze(2))[0][:, -1]


NETWORKS = {
    "in a row": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)),
    "tied": Tied,
    "with a parametrized weight": shaped,
    "pruned": pruned,
    "recurrent": Steps,
    "attention": lambda: nn.TransformerEncoderLayer(3, 1, 4, dropout=0.0, batch_first=True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_copy_with_other_tensors_answers_as_a_model_with_these_tensors_in_it(name):
    torch.manual_seed(0)
    net = NETWORKS[name]().eval()
    inputs = torch.randn(5, 3)
    before = net(inputs)
    other = {key: torch.randn_like(p) for key, p in net.named_parameters()}
    torch.testing.assert_close(module_copy(net, other)(inputs), functional_call(net, other, (inputs,)))
    torch.testing.assert_close(module_copy(net)(inputs), before)
    torch.testing.assert_close(net(inputs), before)


def test_a_copy_has_modules_of_its_own_and_the_same_tensors():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    own = module_copy(net, training=False)
    assert not set(own.modules()) & set(net.modules())
    assert all(a is b for a, b in zip(own.parameters(), net.parameters(), strict=True))
    assert all(a is b for a, b in zip(own.buffers(), net.buffers(), strict=True))
    assert [part.training for part in (*own.modules(), *net.modules())] == [False] * 3 + [True] * 3
    own(torch.ones(2, 3)).sum().backward()
    assert net[0].bias.grad is not None


def test_what_is_done_to_a_copy_stays_there():
    net = nn.Sequential(nn.Linear(3, 2))
    own = module_copy(net)
    own[0].register_forward_hook(lambda *_: torch.zeros(1))
    own[0].bias = None
    own.add_module("more", nn.Identity())
    own.note = 1
    assert len(net) == 1 and net[0].bias is not None and not hasattr(net, "note")
    assert net(torch.ones(2, 3)).shape == (2, 2)


@pytest.mark.parametrize("way", ["closure", "method", "partial", "hook"])
def test_functions_that_hold_a_module_hold_its_copy(way):
    net = nn.Sequential(nn.Linear(2, 2))
    layer = net[0]

    def twice(inputs, layer=None, held=layer):
        return 2 * inputs @ (net[0] if layer is None else layer).weight.T

    if way == "closure":
        net.forward = twice
    elif way == "method":
        net.forward = layer.forward
    elif way == "partial":
        net.forward = functools.partial(twice, layer=layer)
    else:
        layer.register_forward_hook(lambda module, given, found: twice(given[0]))
    zeros = {"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(2)}
    assert bool((module_copy(net, zeros)(torch.ones(1, 2)) == 0).all())
    assert bool((net(torch.ones(1, 2)) != 0).any())


def test_a_compiled_model_runs_with_the_tensors_given():
    net = torch.compile(nn.Sequential(nn.Linear(2, 2)), backend="eager")
    zeros = {"_orig_mod.0.weight": torch.zeros(2, 2), "_orig_mod.0.bias": torch.ones(2)}
    assert module_copy(net, zeros)(torch.ones(1, 2)).tolist() == [[1.0, 1.0]]
    assert net(torch.ones(1, 2)).tolist() != [[1.0, 1.0]]


@pytest.mark.parametrize("name", ["2.weight", "0.scale", "weight", ""])
def test_a_name_that_there_is_not_is_refused(name):
    with pytest.raises(InputError, match=f"Sequential has no parameter or buffer '{name}'"):
        module_copy(nn.Sequential(nn.Linear(1, 1)), {name: torch.ones(1)})
